"""Plans a render: the snapshot, size, rate and length of the film, whether its page can be sought, and the chunks.

The plan opens the page and tests that jumping to a frame shows what playing up to it shows. It measures how long frames
take, cuts the film into chunks on the encoder's unit grid, and writes job.json. The same request finds its job
again, so a film is planned once.
"""

import asyncio
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from helios_crds.request import RenderRequest
from helios_crds.wire import chunk_bitmap
from helios_worker.artifacts.blobs import blob_key
from helios_worker.artifacts.digests import json_digest
from helios_worker.artifacts.recording import is_whole
from helios_worker.artifacts.snapshot import load_snapshot, take_snapshot
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import local_path
from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.capture.messages import plain
from helios_worker.errors import UserError
from helios_worker.jobs.layout import job_key, manifest_key, plan_key
from helios_worker.jobs.spec import Chunk, Engine, FilmSpec, HeliosJob, JobSpec, Metadata
from helios_worker.network.addresses import AddressRule
from helios_worker.planning.chunking import cut_chunks
from helios_worker.planning.encoder import encoder_settings
from helios_worker.planning.film import first_guess, open_film
from helios_worker.planning.seekability import SeekabilityProbe
from helios_worker.rendering.engine import current_engine
from helios_worker.rendering.page_settings import open_composition
from helios_worker.sources.archive import is_archive
from helios_worker.sources.fetch import fetch_composition, needs_fetching

LIVE_NAMED = 5


class PlanResult(BaseModel):
    """The plan's result: small, since it travels in a termination message.

    cached: the chunks that are in the store already, as a helios_crds.wire.chunk_bitmap.
    """

    model_config = ConfigDict(frozen=True)

    jobPath: str
    jobId: str
    frames: int
    chunks: int
    cached: str
    stateful: bool
    warnings: tuple[str, ...] = ()


async def plan(
    request: RenderRequest, store: ArtifactStore, browsers: BrowserPool, *, exclude: Iterable[Path] = ()
) -> PlanResult:
    """Writes job.json for a request, or finds the one that is there.

    exclude: files and folders beside the page that do not belong to it.

    Raises:
        UserError: the request or the page is wrong; the message says what to change.
    """
    engine = await current_engine(browsers)
    snapshot, url = await resolve(request, store, browsers.scratch, browsers.rule, exclude)
    # A page on the network may have changed since its plan, which only opening it shows.
    planned = None if url else await asyncio.to_thread(_existing, store, plan_key(plan_id(request, engine, snapshot)))
    if planned is None:
        planned = await make_plan(request, store, browsers, engine, snapshot, url)
        planned = await asyncio.to_thread(_commit, store, plan_key(planned.id), planned)
    job = await asyncio.to_thread(_commit, store, *job_of(planned, request.output))
    cached = await asyncio.to_thread(stored_chunks, store, job.chunks)
    film = job.ours.film
    return PlanResult(
        jobPath=store.url + job_key(job.id),
        jobId=job.id,
        frames=film.end - film.first,
        chunks=len(job.chunks),
        cached=chunk_bitmap(cached),
        stateful=film.stateful,
        warnings=job.ours.warnings,
    )


async def resolve(
    request: RenderRequest, store: ArtifactStore, scratch: Path, rule: AddressRule, exclude: Iterable[Path]
) -> tuple[str, str]:
    """The digest of the composition's snapshot, or the address of a page on the network; the other is "".

    Raises:
        UserError: the composition's URL has an unknown scheme.
    """
    url = request.composition.url
    if needs_fetching(url) or local_path(url) is not None:
        return await asyncio.to_thread(_snapshot, request, store, scratch, rule, frozenset(exclude)), ""
    if url.startswith(("http://", "https://")):
        return "", url
    raise UserError(
        f"{url}: sources are pages, folders and archives, in files, in buckets and at http:// and https:// addresses",
        remedy="check the address",
    )


def _snapshot(
    request: RenderRequest, store: ArtifactStore, scratch: Path, rule: AddressRule, exclude: frozenset[Path]
) -> str:
    """The digest of the snapshot of a composition that is a local file or can be fetched."""
    url, entry = request.composition.url, request.composition.entry
    path = local_path(url)
    if path is not None and not is_archive(url):
        page, folder = (path / entry, path) if path.is_dir() else (path, None)
        return take_snapshot(store, page, folder=folder, exclude=exclude).digest
    with TemporaryDirectory(prefix="helios-source-", dir=scratch) as place:
        elsewhere = [store.url, request.output or store.url]
        page, folder = fetch_composition(url, entry, Path(place), rule, exclude=elsewhere)
        return take_snapshot(store, page, folder=folder).digest


def plan_id(request: RenderRequest, engine: Engine, content: str) -> str:
    """The digest of all that shapes a film and its chunks: request, content and engine.

    content: digest of the composition.
    """
    asked = request.model_dump(mode="json", exclude={"composition": {"url": True, "entry": True}, "output": True})
    return json_digest({"asked": asked, "content": content, "engine": engine.model_dump()})


def job_of(planned: JobSpec, output: str | None) -> tuple[str, JobSpec]:
    """The key and the job of a plan with an output, which the stitch reads there.

    Chunks are cut by measured costs, which are never the same twice. All outputs of one film therefore use the chunks
    of the first plan.
    """
    job_id = json_digest({"plan": planned.id, "output": output})[:20]
    ours = planned.ours.model_copy(update={"plan": planned.id, "output": output})
    return job_key(job_id), planned.model_copy(update={"id": job_id, "helios": ours})


async def make_plan(
    request: RenderRequest,
    store: ArtifactStore,
    browsers: BrowserPool,
    engine: Engine,
    snapshot: str,
    url: str,
) -> JobSpec:
    """Opens the page, decides the film and cuts it into chunks. The job has no output yet."""
    draft = FilmSpec(
        snapshot=snapshot,
        entry=(await asyncio.to_thread(load_snapshot, store, snapshot)).entry if snapshot else "",
        url=url,
        props=request.composition.props,
        seed=request.composition.seed,
        frames=1,
        first=0,
        end=1,
        capture=request.video.capture,
        quality=request.video.quality,
        stateful=False,
        page_errors=request.composition.pageErrors,
        encoder=encoder_settings(request, *first_guess(request, await _page_text(store, snapshot)), Fraction(30)),
    )
    composition = await open_composition(browsers.compositions, store, draft)
    recorder = composition.record(passive=bool(snapshot))
    film, page, warnings = await open_film(request, draft, composition, browsers)
    if (
        recorder.passive and recorder.foreign
    ):  # a page in a folder that uses other hosts: opened once more, to record them
        await page.close()
        recorder = composition.record(passive=False)
        film, page, warnings = await open_film(request, draft, composition, browsers)
    try:
        probe = SeekabilityProbe(film, composition, browsers, request.frameTimeout)
        with composition.blaming():
            stateful = await probe.needs_history(request.composition.seeking, page)
            recording = "" if recorder.passive else await recorder.seal()
            film = film.model_copy(update={"stateful": stateful, "recording": recording})
            costs = await probe.costs(stateful, request.chunking)
        warnings += [*probe.warnings, *sorted(page.console.warnings)]
    finally:
        await page.close()
    warnings += live_warnings([*recorder.live, *(recorder.foreign if recorder.passive else ())])
    chunks = cut_chunks(film, costs, request, engine)
    encoder = film.encoder
    return JobSpec(
        id=plan_id(request, engine, json_digest([url, film.recording]) if url else snapshot),
        metadata=Metadata(
            totalFrames=film.frames,
            fps=float(encoder.fps),
            width=encoder.width,
            height=encoder.height,
            duration=float(film.frames / encoder.fps),
        ),
        chunks=tuple(chunks),
        helios=HeliosJob(
            engine=engine,
            film=film,
            frameTimeout=request.frameTimeout,
            warnings=tuple(dict.fromkeys(warnings)),
            costs=tuple(costs),
        ),
    )


def stored_chunks(store: ArtifactStore, chunks: tuple[Chunk, ...]) -> list[int]:
    """The chunks that have a manifest."""
    return [chunk.id for chunk in chunks if store.exists(manifest_key(chunk.key))]


def live_warnings(requests: list[str]) -> list[str]:
    """A warning about requests that every chunk must send itself, in one line."""
    if not requests:
        return []
    more = f" and {len(requests) - LIVE_NAMED} more" if len(requests) > LIVE_NAMED else ""
    named = ", ".join(plain(request) for request in requests[:LIVE_NAMED])
    return [f"not recorded, so each chunk sends these requests itself and must get the same answers: {named}{more}"]


def _commit(store: ArtifactStore, key: str, job: JobSpec) -> JobSpec:
    """Writes a job unless there is one. Returns the job that holds."""
    data = orjson.dumps(job.model_dump(mode="json", exclude_none=True), option=orjson.OPT_INDENT_2)
    while not store.create(key, data):
        theirs = _existing(store, key)
        if theirs is not None:
            return theirs
    return job


def _existing(store: ArtifactStore, key: str) -> JobSpec | None:
    data = store.get(key)
    if data is None:
        return None
    try:
        job = JobSpec.model_validate_json(data)
    except ValidationError:
        job = None
    recording = job.helios.film.recording if job is not None and job.helios is not None else ""
    if job is None or (recording and not is_whole(store, recording)):
        store.delete(key)
        return None
    return job


async def _page_text(store: ArtifactStore, snapshot: str) -> str:
    if not snapshot:
        return ""
    loaded = await asyncio.to_thread(load_snapshot, store, snapshot)
    return (await asyncio.to_thread(store.get, blob_key(loaded.files[loaded.entry])) or b"").decode(errors="replace")
