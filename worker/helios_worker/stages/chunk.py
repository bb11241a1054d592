"""Renders one chunk: captures its frames, encodes them, proves the segment and commits it.

A chunk is a run of whole encode units. Its lanes, one browser each, divide its frames between them (`work_stealing`)
and pass each picture to the encoder of its unit (`encoder_pool`). The segment is stored under its own SHA-256. Creating
the chunk's manifest commits it. The first valid commit wins, and losing to it is success.
"""

import asyncio
import os
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from helios_worker.artifacts.store import ArtifactStore
from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.capture.content.composition import OpenComposition
from helios_worker.capture.faults import PageError
from helios_worker.encode.film.concat import concatenate
from helios_worker.encode.proof.segment import inspect_segment
from helios_worker.jobs.commits import committed
from helios_worker.jobs.identity import check_keys
from helios_worker.jobs.layout import SEGMENT_SUFFIX, SEGMENTS, manifest_key
from helios_worker.jobs.spec import Chunk, JobSpec, Manifest
from helios_worker.rendering.departures import naming_departures
from helios_worker.rendering.encoder_pool import ChunkEncoder
from helios_worker.rendering.engine import check_engine, current_engine
from helios_worker.rendering.lane import Lane
from helios_worker.rendering.page_settings import open_composition, page_settings
from helios_worker.rendering.run import Run
from helios_worker.rendering.seams import TrialPictures, check_runs, digest_of
from helios_worker.rendering.work_stealing import WorkStealingQueue

OnFrames = Callable[[int], None]


async def render_chunk(
    job: JobSpec,
    index: int,
    store: ArtifactStore,
    browsers: BrowserPool,
    *,
    on_frames: OnFrames = lambda count: None,
) -> tuple[Manifest, bool]:
    """Renders a chunk unless it is committed already.

    on_frames: called with the number of frames newly encoded.

    Returns:
        The chunk's manifest, and whether it was already committed.

    Raises:
        PageError: the page is wrong; every attempt would fail.
        AlteredJob: the chunk has the key of other frames.
        OtherEngine: the job was planned with other software than this worker has.
        HeliosError: another attempt may succeed.
    """
    chunk, film = job.chunks[index], job.ours.film
    check_keys(job, [index])
    manifest = await asyncio.to_thread(committed, store, chunk)
    if manifest is not None:
        on_frames(chunk.frameCount)
        return manifest, True

    engine = await current_engine(browsers)
    check_engine(job.ours.engine, engine)
    started = time.monotonic()
    with TemporaryDirectory(prefix="helios-chunk-", dir=browsers.scratch) as folder:
        segment = Path(folder) / "segment.mp4"
        runs = await render_segment(job, chunk, store, browsers, segment, on_frames)
        rendered = time.monotonic()
        info = await asyncio.to_thread(inspect_segment, segment, film.encoder, decode=False)
        key, _ = await asyncio.to_thread(
            store.put_content, SEGMENTS, segment, suffix=SEGMENT_SUFFIX, digest=info.sha256
        )
        manifest = Manifest(
            key=chunk.key,
            startFrame=chunk.startFrame,
            frameCount=info.frames,
            segment=key,
            sha256=info.sha256,
            bytes=info.bytes,
            firstPicture=digest_of(runs[0].picture),
            nextPicture=None if (following := runs[-1].following) is None else digest_of(following),
            engine=engine,
            seconds={"render": rendered - started, "commit": time.monotonic() - rendered},
            worker=f"{platform.node()}:{os.getpid()}",
        )
    data = orjson.dumps(manifest.model_dump(), option=orjson.OPT_INDENT_2)
    while not await asyncio.to_thread(store.create, manifest_key(chunk.key), data):
        # Another worker was first. `committed` removes an invalid manifest; then the next `create` may succeed.
        theirs = await asyncio.to_thread(committed, store, chunk)
        if theirs is not None:
            return theirs, False
    return manifest, False


async def render_segment(
    job: JobSpec, chunk: Chunk, store: ArtifactStore, browsers: BrowserPool, segment: Path, on_frames: OnFrames
) -> list[Run]:
    """Captures and encodes a chunk's frames into one video file, and decodes every frame once as proof."""
    film = job.ours.film
    async with open_composition(browsers.compositions, store, film) as composition:
        encoder, runs = await capture_chunk(job, chunk, composition, browsers, segment.parent, on_frames)
    await asyncio.to_thread(check_runs, runs, film)
    await asyncio.to_thread(
        concatenate,
        [unit.path for unit in encoder.units],
        segment,
        film.encoder,
        expected=[unit.frames for unit in encoder.units],
    )
    return runs


async def capture_chunk(
    job: JobSpec, chunk: Chunk, composition: OpenComposition, browsers: BrowserPool, folder: Path, on_frames: OnFrames
) -> tuple[ChunkEncoder, list[Run]]:
    """Captures a chunk's frames in its lanes, and encodes them into files of `folder`, one for each unit."""
    film = job.ours.film
    settings = page_settings(film, job.ours.frameTimeout)
    count = min(browsers.lanes, chunk.frameCount)
    # A single page that is played from frame 0 on is right, whatever the plan has found.
    is_alone = count == len(job.chunks) == 1 and not chunk.startFrame
    is_last = browsers.renders_next and len(job.chunks) == 1
    lanes = [Lane(number, film, browsers, composition, settings, is_last) for number in range(count)]
    whole = range(chunk.startFrame, chunk.end)
    queue = WorkStealingQueue(whole, lanes=len(lanes), unit=film.encoder.unit_frames, stealing=not film.stateful)
    encoder = ChunkEncoder(film.encoder, whole, folder, slots=len(lanes), on_frames=on_frames)
    trial = TrialPictures(job.ours)

    async def put(frame: int, picture: bytes) -> None:
        if not is_alone:
            trial.check(frame, picture)
        await encoder.put(frame, picture)

    async with naming_departures(browsers, composition, settings):
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(encoder.run())
                captures = [group.create_task(lane.capture(queue, put)) for lane in lanes]
        except BaseExceptionGroup as errors:
            raise first_cause(errors) from None
    return encoder, sorted((run for task in captures for run in task.result()), key=lambda run: run.first)


def first_cause(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error to report of those that ended a chunk: the page's own error, before errors that followed from it."""
    causes = list(flat(errors))
    return next((cause for cause in causes if isinstance(cause, PageError)), causes[0])


def flat(error: BaseException) -> Iterator[BaseException]:
    """The errors in a group and in the groups within it."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from flat(inner)
    else:
        yield error
