"""Plans a render: the snapshot, size, rate and length of the film, whether its page can be sought, and the chunks.

The plan opens the page and tests that jumping to a frame shows what playing up to it shows. It measures how long frames
take, cuts the film into chunks on the encoder's unit grid, and writes job.json. The same request finds its job
again, so a film is planned once.

Long, because the way from a request to job.json is told in one place.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ConfigDict, ValidationError

from helios_crds.addresses import is_web
from helios_crds.request import RenderRequest
from helios_crds.wire import chunk_bitmap
from helios_worker.artifacts.blobs import blob_key
from helios_worker.artifacts.digests import json_digest
from helios_worker.artifacts.recording import is_whole
from helios_worker.artifacts.snapshot import Snapshot, load_snapshot, take_snapshot
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import local_path
from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.capture.content.composition import OpenComposition
from helios_worker.capture.content.recorder import Recorder
from helios_worker.capture.messages import BoundedLines, plain
from helios_worker.capture.page.glyphs import glyph_warning
from helios_worker.capture.page.page import Page
from helios_worker.errors import CorruptArtifact, NetworkTrouble, UserError
from helios_worker.jobs.identity import job_bytes, with_own_id
from helios_worker.jobs.layout import job_key, manifest_key, plan_key, sound_key
from helios_worker.jobs.sounds import load_sound_plan, store_sound_plan
from helios_worker.jobs.spec import JOB_FORMAT, Chunk, FilmSpec, HeliosJob, JobSpec, Metadata, TrialPicture
from helios_worker.planning.asked_film import AskedFilm, plan_id
from helios_worker.planning.chunking import cut_chunks
from helios_worker.planning.encoder import encoder_settings
from helios_worker.planning.film import first_guess, open_film
from helios_worker.planning.page_sound import NOTHING_HEARD, page_sound
from helios_worker.planning.seekability import SeekabilityProbe
from helios_worker.planning.soundtrack import soundtrack
from helios_worker.planning.tracks import fetch_tracks
from helios_worker.planning.warnings import Kind, PlanWarning
from helios_worker.rendering.departures import naming_departures
from helios_worker.rendering.engine import current_engine
from helios_worker.rendering.page_settings import open_composition
from helios_worker.sources.fetch import fetch_composition
from helios_worker.sources.names import is_archive, needs_fetching

LIVE_NAMED = 5
COMMITS = 10
WARNINGS_KEPT = 100


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
    planned = await plan_without_job(request, store, browsers, exclude=exclude)
    sound = await asyncio.to_thread(_sound, request, planned, store, browsers)
    job = job_of(planned, request.output, sound)
    job = await asyncio.to_thread(_commit, store, job_key(job.id), job, job.__eq__)
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


async def plan_without_job(
    request: RenderRequest, store: ArtifactStore, browsers: BrowserPool, *, exclude: Iterable[Path] = ()
) -> JobSpec:
    """The plan of a film, made or found in the store. There is no job yet, so nobody sees one to be finished.

    exclude, Raises: as plan.
    """
    snapshot, entry, url = await resolve(request, store, browsers, exclude)  # while the browser starts
    engine = await current_engine(browsers)
    # A page on the network may have changed since its plan, which only opening it shows.
    asked = AskedFilm(request, engine, snapshot, entry, url)
    key = plan_key(asked.plan_id(recording=""))
    planned = None if url else await asyncio.to_thread(_existing, store, key, asked.is_planned_by)
    if planned is None:
        made = (await make_plan(asked, store, browsers)).job
        planned = await asyncio.to_thread(_commit, store, plan_key(made.id), made, asked.is_planned_by)
    return planned


async def resolve(
    request: RenderRequest, store: ArtifactStore, browsers: BrowserPool, exclude: Iterable[Path]
) -> tuple[str, str, str]:
    """The digest of the composition's snapshot, its page, and the address of a page on the network.

    What there is not is "".

    Raises:
        UserError: its URL has an unknown scheme, or the headers for its server are for another one.
    """
    url = request.composition.url
    browsers.headers.check(url)
    if needs_fetching(url) or local_path(url) is not None:
        snapshot = await asyncio.to_thread(_snapshot, request, store, browsers, frozenset(exclude))
        return snapshot.digest, snapshot.entry, ""
    if is_web(url) and request.composition.query:
        raise UserError(
            f"{url} is a page on the web, whose address has its own query",
            remedy=f"write {request.composition.query} at its end, and leave out composition.query",
        )
    if is_web(url):
        return "", "", url
    raise UserError(
        f"{url}: sources are pages, folders and archives, in files, in buckets and at http:// and https:// addresses",
        remedy="check the address",
    )


def _snapshot(
    request: RenderRequest, store: ArtifactStore, browsers: BrowserPool, exclude: frozenset[Path]
) -> Snapshot:
    """The snapshot of a composition that is a local file or can be fetched."""
    url, entry = request.composition.url, request.composition.entry
    path = local_path(url)
    if path is not None and not is_archive(url):
        page, folder = (path / entry, path) if path.is_dir() else (path, None)
        return take_snapshot(store, page, folder=folder, exclude=exclude)
    with TemporaryDirectory(prefix="helios-source-", dir=browsers.scratch) as place:
        elsewhere = [store.url, request.output or store.url]
        page, folder = fetch_composition(
            url, entry, Path(place), browsers.rule, exclude=elsewhere, headers=browsers.headers
        )
        return take_snapshot(store, page, folder=folder)


def _folder(request: RenderRequest) -> Path | None:
    """The folder on this machine that the composition's files are from; None where they were fetched."""
    path = local_path(request.composition.url)
    if path is None or is_archive(request.composition.url):
        return None
    return path if path.is_dir() else path.parent


def _sound(request: RenderRequest, planned: JobSpec, store: ArtifactStore, browsers: BrowserPool) -> str:
    """The digest of the film's sound plan, which is then in the store; "" for a silent film."""
    audio, of_page = request.audio, planned.ours.sound
    if audio.codec == "none" or not (audio.tracks or of_page):
        return ""
    tracks = fetch_tracks(audio.tracks, store, browsers.rule, browsers.headers, browsers.scratch)
    page = load_sound_plan(store, of_page) if of_page else None
    plan = soundtrack(planned.ours.film, audio, tracks, page)
    return store_sound_plan(store, plan) if plan is not None else ""


def job_of(planned: JobSpec, output: str | None, sound: str = "") -> JobSpec:
    """The job of a plan with an output, which the stitch reads there.

    Chunks are cut by measured costs, which are never the same twice. All outputs of one film therefore use the chunks
    of the first plan.

    sound: digest of the film's sound plan.
    """
    ours = planned.ours.model_copy(update={"format": JOB_FORMAT, "plan": planned.id, "output": output, "sound": sound})
    return with_own_id(planned.model_copy(update={"helios": ours}))


@dataclass(frozen=True)
class MadePlan:
    """A plan that was just made. job: has no output yet. warnings: all of them; the job has the texts of the first."""

    job: JobSpec
    warnings: tuple[PlanWarning, ...]


async def make_plan(asked: AskedFilm, store: ArtifactStore, browsers: BrowserPool) -> MadePlan:
    """Opens the page, decides the film and cuts it into chunks. The job has no output yet."""
    request = asked.request
    draft = FilmSpec(
        snapshot=asked.snapshot,
        entry=asked.entry,
        query=request.composition.query,
        url=asked.url,
        props=request.composition.props,
        seed=request.composition.seed,
        frames=1,
        first=0,
        end=1,
        capture=request.video.capture,
        quality=request.video.quality,
        stateful=False,
        page_errors=request.composition.pageErrors,
        timeZone=request.composition.timeZone,
        locale=request.composition.locale,
        colorScheme=request.composition.colorScheme,
        waitFor=request.composition.waitFor,
        sendsHeaders=True if browsers.headers and asked.url else None,
        encoder=encoder_settings(request, *first_guess(request, await _page_text(store, asked.snapshot)), Fraction(30)),
    )
    async with open_composition(browsers.compositions, store, draft) as composition:
        if browsers.rule.is_of_a_desk:  # elsewhere it would tell what others have there
            composition.missing.folder = _folder(request)
        return await plan_film(asked, draft, composition, browsers, store)


async def plan_film(
    asked: AskedFilm, draft: FilmSpec, composition: OpenComposition, browsers: BrowserPool, store: ArtifactStore
) -> MadePlan:
    """The plan of an open composition. draft: what is known of its film beforehand."""
    request, engine = asked.request, asked.engine
    owner = plan_id(request, engine, asked.snapshot or asked.url)
    if composition.headers:  # others are answered otherwise, also what only a later frame asks
        owner = json_digest([owner, composition.headers.identity])
    recorder, opened = await _open_recorded(asked, draft, composition, browsers, owner)
    film, page, warnings = opened
    try:
        probe = SeekabilityProbe(film, composition, browsers, request.frameTimeout)
        async with naming_departures(browsers, composition, page.settings):
            with composition.blaming():
                stateful, drawn = await probe.history(request.composition.seeking, page)
                film = film.model_copy(update={"stateful": stateful, "drawn": drawn})
                sound = NOTHING_HEARD
                if request.audio.codec != "none":
                    sound = await page_sound(film, composition, browsers, page.settings, store)
                recording = "" if recorder.passive else await recorder.seal()
                film = film.model_copy(update={"recording": recording, "looksAtSound": sound.looked_at})
                costs = await probe.costs(stateful, request.chunking)
        warnings += probe.warnings
        warnings += _of_kind("glyphs", filter(None, [glyph_warning(probe.missing_glyphs)]))
        warnings += _of_kind("page", sorted(page.console.warnings))
        warnings += _of_kind("sound", sound.warnings)
        warnings += _of_kind("page", await page.composition_warnings(film.frames / film.encoder.fps))
        warnings += _of_kind("slow", await probe.slowness(page))
    finally:
        await page.close()
    if recorder.lent:
        families = ", ".join(recorder.lent)
        text = f"Google Fonts cannot be reached; the worker's own fonts are shown for {families}, in the weights it has"
        warnings.append(PlanWarning("page", text))
    warnings += _of_kind("live", live_warnings([*recorder.live, *(recorder.foreign if recorder.passive else ())]))
    if recorder.stray_page:
        text = f"a redirect leads the page to {plain(recorder.stray_page)}, another origin, which is sent no headers"
        warnings.append(PlanWarning("redirect", text))
    chunks = await asyncio.to_thread(cut_chunks, film, costs, request, engine)
    encoder = film.encoder
    job = JobSpec(
        id=asked.plan_id(film.recording),
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
            warnings=bounded_warnings(warning.text for warning in warnings),
            costs=tuple(costs),
            pictures=() if film.drawn or film.looksAtSound else trial_pictures(probe),
            sound=store_sound_plan(store, sound.plan) if sound.plan is not None else "",
        ),
    )
    return MadePlan(job, tuple(warnings))


async def _open_recorded(
    asked: AskedFilm, draft: FilmSpec, composition: OpenComposition, browsers: BrowserPool, owner: str
) -> tuple[Recorder, tuple[FilmSpec, Page, list[PlanWarning]]]:
    """Opens a film's page. One in a folder that uses other hosts is opened once more, to record them."""
    recorder = await composition.record(passive=bool(asked.snapshot), owner=owner)
    browsers.launch_ahead()
    try:
        opened = await open_film(asked.request, draft, composition, browsers)
        if not (recorder.passive and recorder.foreign):
            return recorder, opened
        await opened[1].close()
    except NetworkTrouble:
        if not (recorder.passive and recorder.foreign and recorder.lends_fonts):
            raise
    recorder = await composition.record(passive=False, owner=owner)
    return recorder, await open_film(asked.request, draft, composition, browsers)


def _of_kind(kind: Kind, texts: Iterable[str]) -> list[PlanWarning]:
    return [PlanWarning(kind, text) for text in texts]


def trial_pictures(probe: SeekabilityProbe) -> tuple[TrialPicture, ...]:
    """What the probe has taken of a page that is not drawn throughout, for chunks to compare."""
    return tuple(TrialPicture(frame=frame, sha256=digest) for frame, digest in sorted(probe.pictures.items()))


def stored_chunks(store: ArtifactStore, chunks: tuple[Chunk, ...]) -> list[int]:
    """The chunks that have a manifest."""
    return [chunk.id for chunk in chunks if store.exists(manifest_key(chunk.key))]


def bounded_warnings(warnings: Iterable[str]) -> tuple[str, ...]:
    """Different warnings, the first ones, and how many more there were. Each is one line."""
    lines = BoundedLines(WARNINGS_KEPT)
    for warning in warnings:
        lines.add(plain(warning))
    return tuple(lines)


def live_warnings(requests: list[str]) -> list[str]:
    """A warning about requests that every chunk must send itself, in one line."""
    if not requests:
        return []
    more = f" and {len(requests) - LIVE_NAMED} more" if len(requests) > LIVE_NAMED else ""
    named = ", ".join(plain(request) for request in requests[:LIVE_NAMED])
    return [f"not recorded, so each chunk sends these requests itself and must get the same answers: {named}{more}"]


def _commit(store: ArtifactStore, key: str, job: JobSpec, is_right: Callable[[JobSpec], bool]) -> JobSpec:
    """Writes a job unless there is one. Returns the job that holds.

    is_right: whether a job that is there is the one that belongs there.

    Raises:
        CorruptArtifact: somebody keeps writing another one.
    """
    data = job_bytes(job)
    for _ in range(COMMITS):
        if store.create(key, data):
            return job
        theirs = _existing(store, key, is_right)
        if theirs is not None:
            return theirs
    raise CorruptArtifact(f"{store.url}{key} keeps being altered", remedy="find out who writes there")


def _existing(store: ArtifactStore, key: str, is_right: Callable[[JobSpec], bool]) -> JobSpec | None:
    """The job that is there. One that does not belong there is removed, or it would keep the right one out."""
    data = store.get(key)
    if data is None:
        return None
    try:
        job = JobSpec.model_validate_json(data)
    except ValidationError:
        job = None
    if job is None or not is_right(job) or not _has_its_parts(store, job):
        store.delete(key)
        return None
    return job


def _has_its_parts(store: ArtifactStore, job: JobSpec) -> bool:
    recording, sound = job.ours.film.recording, job.ours.sound
    return (not recording or is_whole(store, recording)) and (not sound or store.exists(sound_key(sound)))


async def _page_text(store: ArtifactStore, snapshot: str) -> str:
    if not snapshot:
        return ""
    loaded = await asyncio.to_thread(load_snapshot, store, snapshot)
    return (await asyncio.to_thread(store.get, blob_key(loaded.files[loaded.entry])) or b"").decode(errors="replace")
