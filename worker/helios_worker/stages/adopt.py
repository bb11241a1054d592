"""Takes over a job.json that is planned already: proves it, gives it this render's output, and writes it to the store.

Nothing of the file is believed before its SHA-256 is that of the request. A job of this package has to lie in the
render's own store, or on the web, since its files are looked for there. A job of upstream Helios consists of commands;
it is taken only where commands are allowed.
"""

import asyncio
import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from helios_crds.addresses import is_web, shown
from helios_crds.remedies import setting
from helios_crds.request import JobSpecRequest
from helios_crds.text import first_problem
from helios_crds.wire import chunk_bitmap
from helios_worker.artifacts.recording import is_whole
from helios_worker.artifacts.snapshot import load_snapshot
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import split_object
from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.errors import CorruptArtifact, UserError
from helios_worker.jobs.commands import file_of
from helios_worker.jobs.identity import altered, check_keys, covers, job_bytes, with_own_id
from helios_worker.jobs.layout import job_key
from helios_worker.jobs.sounds import load_sound_plan
from helios_worker.jobs.spec import JobSpec
from helios_worker.network.addresses import AddressRule
from helios_worker.rendering.engine import check_engine, current_engine
from helios_worker.sources.fetch import download
from helios_worker.stages.plan import PlanResult, stored_chunks

MAX_BYTES = 64 << 20
REMEDY = "correct spec.composition.jobSpec"


async def adopt(
    request: JobSpecRequest, store: ArtifactStore, browsers: BrowserPool, *, allow_commands: bool
) -> PlanResult:
    """Writes job.json for a job that is planned already.

    Raises:
        UserError: it is not the file that was asked for, is no job, belongs to another store, or has commands that are
            not allowed here.
    """
    data = await asyncio.to_thread(_fetch, request.jobSpec, browsers.scratch, browsers.rule)
    if hashlib.sha256(data).hexdigest() != request.sha256:
        raise UserError(f"{shown(request.jobSpec)} is not the file with the SHA-256 {request.sha256}", remedy=REMEDY)
    try:
        job = JobSpec.model_validate_json(data)
    except ValidationError as error:
        raise UserError(f"{shown(request.jobSpec)} is not a job: {first_problem(error)}", remedy=REMEDY) from None
    _check_commands(job, allowed=allow_commands)
    if job.helios is None:
        mine = _with_output_of_commands(job, request)
    else:
        await asyncio.to_thread(_prove, job, request, store)
        check_engine(job.ours.engine, await current_engine(browsers))
        mine = with_own_id(job.model_copy(update={"helios": job.ours.model_copy(update={"output": request.output})}))
    await asyncio.to_thread(_write, store, mine)
    film = None if mine.helios is None else mine.helios.film
    return PlanResult(
        jobPath=store.url + job_key(mine.id),
        jobId=mine.id,
        frames=mine.metadata.totalFrames if film is None else film.end - film.first,
        chunks=len(mine.chunks),
        cached=chunk_bitmap([] if film is None else await asyncio.to_thread(stored_chunks, store, mine.chunks)),
        stateful=film is not None and film.stateful,
        warnings=() if mine.helios is None else mine.helios.warnings,
    )


def _fetch(url: str, scratch: Path, rule: AddressRule) -> bytes:
    """The file, of at most MAX_BYTES."""
    if is_web(url):
        with TemporaryDirectory(prefix="helios-job-", dir=scratch) as folder:
            copy = Path(folder) / "job.json"
            download(url, copy, rule, most=MAX_BYTES, what="job.json")
            return copy.read_bytes()
    folder, name = split_object(url)
    place = ArtifactStore(f"{folder}/")
    size = place.size(name)
    if size is None:
        raise UserError(f"there is no job at {shown(url)}", remedy=REMEDY)
    data = place.get(name) if size <= MAX_BYTES else None
    if data is None:
        raise UserError(f"{shown(url)} has {size} bytes, more than a job.json may have", remedy=REMEDY)
    return data


def _check_commands(job: JobSpec, *, allowed: bool) -> None:
    with_command = next((chunk.id for chunk in job.chunks if chunk.command is not None), None)
    if with_command is not None and not allowed:
        raise UserError(
            f"chunk {with_command} of the job wants to run a command, which is not allowed here",
            remedy="plan the job with heliosctl, or have an admin set allowCommands on the RenderTarget",
        )


def _with_output_of_commands(job: JobSpec, request: JobSpecRequest) -> JobSpec:
    """A job of upstream Helios with this render's output.

    Raises:
        UserError: its chunks do not make up its film, or write files elsewhere.
    """
    without = next((chunk.id for chunk in job.chunks if not chunk.command), None)
    if without is not None:
        raise UserError(f"chunk {without} of the job has no command", remedy="write the job again with Helios")
    if not covers(job.chunks, 0, job.metadata.totalFrames):
        raise UserError("the chunks of the job do not cover its film", remedy="write the job again with Helios")
    if len({file_of(chunk, Path()) for chunk in job.chunks}) != len(job.chunks):
        raise UserError("two chunks of the job write the same file", remedy="write the job again with Helios")
    return with_own_id(job.model_copy(update={"output": request.output}))


def _prove(job: JobSpec, request: JobSpecRequest, store: ArtifactStore) -> None:
    """Proves a job of this package: its content by its ID, its chunks by their keys, its files by the store.

    Raises:
        UserError: it is not a whole job, or not one of this store.
    """
    problem = altered(job, job_key(job.id))
    if problem:
        raise UserError(f"{shown(request.jobSpec)} is not believed: {problem}", remedy="plan it again")
    try:
        check_keys(job, range(len(job.chunks)))
    except CorruptArtifact as error:
        raise UserError(f"{shown(request.jobSpec)} is not believed: {error.message}", remedy="plan it again") from None
    if not is_web(request.jobSpec) and request.jobSpec != store.url + job_key(job.id):
        raise UserError(
            f"the job of {shown(request.jobSpec)} belongs to another store than {shown(store.url)}",
            remedy=f"set {setting('artifacts.url')} to the store that it was planned in",
        )
    film = job.ours.film
    try:
        if film.snapshot:
            load_snapshot(store, film.snapshot)
        if film.recording and not is_whole(store, film.recording):
            raise CorruptArtifact(f"the recording {film.recording} is not in {shown(store.url)}")
        if job.ours.sound:
            load_sound_plan(store, job.ours.sound)
    except CorruptArtifact as error:
        raise UserError(f"{shown(request.jobSpec)}: {error.message}", remedy="plan it again") from None


def _write(store: ArtifactStore, job: JobSpec) -> None:
    """Writes the job. What is there already, and is not this job, was altered: its ID is the digest of its content."""
    data, key = job_bytes(job), job_key(job.id)
    if not store.create(key, data) and store.get(key) != data:
        store.put(key, data)
