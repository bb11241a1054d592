"""Renders one chunk: captures its frames, encodes them, proves the segment and commits it.

A chunk is a run of whole encode units. Its lanes, one browser each, take contiguous parts; each lane's
pictures go to an encoder thread of its own. The segment is stored under its own SHA-256 and then committed by
creating the chunk's manifest, if nobody has: the first valid commit wins, and losing to it is success.
"""

import asyncio
import hashlib
import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from helios_worker.capture.faults import PageError
from helios_worker.capture.settings import PageSettings
from helios_worker.capture.studio import Studio, page_settings
from helios_worker.capture.walk import pictures
from helios_worker.encode.concat import concatenate
from helios_worker.encode.segment import inspect_segment
from helios_worker.engine import check_engine, current_engine
from helios_worker.job import (
    SEGMENT_SUFFIX,
    SEGMENTS,
    Chunk,
    Film,
    JobSpec,
    Manifest,
    committed,
    manifest_key,
)
from helios_worker.lane import LaneEncoder
from helios_worker.store import ArtifactStore, file_digest
from helios_worker.trace import mark

OnFrames = Callable[[int], None]


@dataclass(frozen=True)
class Part:
    """A lane's frames. `end` is the frame after the last."""

    lane: int
    first: int
    end: int


@dataclass(frozen=True)
class Seam:
    """What is known of the two ends of a rendered part: SHA-256 of its first picture and of the one after."""

    first: str
    following: str | None


class SeamMismatch(PageError):
    """Two renderers that met at a frame saw different pictures of it: the page depends on its history."""

    def __init__(self, frame: int) -> None:
        super().__init__(
            f"frame {frame} looks different when the page jumps to it than when it walks there: "
            "the page keeps state from frame to frame",
            remedy="render with --seeking Stateful",
        )
        self.frame = frame


async def render_chunk(
    job: JobSpec,
    index: int,
    store: ArtifactStore,
    studio: Studio,
    *,
    on_frames: OnFrames = lambda count: None,
) -> tuple[Manifest, bool]:
    """Renders a chunk unless it is committed already.

    on_frames: told how many more frames are encoded.

    Returns:
        The chunk's manifest, and whether it was found rather than made.

    Raises:
        PageError: the page is wrong; every attempt would fail.
        OtherEngine: the job was planned with other software than this worker's.
        HeliosError: anything that another attempt may get over.
    """
    chunk, film = job.chunks[index], job.ours.film
    manifest = await asyncio.to_thread(committed, store, chunk)
    if manifest is not None:
        on_frames(chunk.frameCount)
        return manifest, True

    engine = await current_engine(studio)
    check_engine(job.ours.engine, engine)
    started = time.monotonic()
    with TemporaryDirectory(prefix="helios-chunk-", dir=studio.scratch) as folder:
        segment = Path(folder) / "segment.mp4"
        seam = await render_segment(job, chunk, store, studio, segment, on_frames)
        rendered = time.monotonic()
        info = await asyncio.to_thread(inspect_segment, segment, film.encoder, decode=False)
        digest = await asyncio.to_thread(file_digest, segment)
        key, _ = await asyncio.to_thread(store.put_content, SEGMENTS, segment, suffix=SEGMENT_SUFFIX, digest=digest)
        manifest = Manifest(
            key=chunk.key,
            startFrame=chunk.startFrame,
            frameCount=info.frames,
            segment=key,
            sha256=digest,
            bytes=info.bytes,
            firstPicture=seam.first,
            nextPicture=seam.following,
            engine=engine,
            seconds={"render": rendered - started, "commit": time.monotonic() - rendered},
            worker=f"{platform.node()}:{os.getpid()}",
        )
    data = orjson.dumps(manifest.model_dump(), option=orjson.OPT_INDENT_2)
    while not await asyncio.to_thread(store.create, manifest_key(chunk.key), data):
        # Somebody was first. A manifest that is none is removed when it is looked at: then it is our turn again.
        theirs = await asyncio.to_thread(committed, store, chunk)
        if theirs is not None:
            return theirs, False
    return manifest, False


async def render_segment(
    job: JobSpec, chunk: Chunk, store: ArtifactStore, studio: Studio, segment: Path, on_frames: OnFrames
) -> Seam:
    """Captures and encodes a chunk's frames into one video file, every frame of it decoded once as proof."""
    film = job.ours.film
    address = await studio.address(store, film)
    settings = page_settings(film, job.ours.frameTimeout)
    parts = cut_parts(chunk, studio.lanes, film.encoder.unit_frames)
    files = [segment.with_name(f"lane-{part.lane}.mp4") for part in parts]
    with ThreadPoolExecutor(max_workers=len(parts), thread_name_prefix="encode") as threads:
        encoders = [
            LaneEncoder(film.encoder, file, *units_of(part, chunk, film.encoder.unit_frames), threads, on_frames)
            for part, file in zip(parts, files, strict=True)
        ]

        async def capture(part: Part) -> Seam:
            return await capture_part(part, film, address, settings, studio, encoders)

        try:
            async with asyncio.TaskGroup() as group:
                for encoder in encoders:
                    group.create_task(encoder.run())
                captures = [group.create_task(capture(part)) for part in parts]
        except BaseExceptionGroup as errors:
            raise first_cause(errors) from None
        seams = [task.result() for task in captures]
    for part, before, after in zip(parts[1:], seams, seams[1:], strict=False):
        if before.following != after.first:
            raise SeamMismatch(part.first)
    kept = [encoder for encoder in encoders if encoder.frames]
    if len(kept) == 1:
        kept[0].path.replace(segment)
    else:
        await asyncio.to_thread(
            concatenate,
            [encoder.path for encoder in kept],
            segment,
            film.encoder,
            expected=[encoder.frames for encoder in kept],
        )
    return Seam(first=seams[0].first, following=seams[-1].following)


async def capture_part(
    part: Part, film: Film, address: str, settings: PageSettings, studio: Studio, encoders: list[LaneEncoder]
) -> Seam:
    """Walks a page through a lane's frames and hands each picture to the encoder of its unit.

    The frame after the last is captured too, unless the film ends there: whoever starts with it must have
    seen the same.
    """
    last = min(part.end + 1, film.end)
    first_digest, following = "", None
    async with studio.page(part.lane, address, settings) as page:
        async for frame, picture in pictures(page, part.first, last, stateful=film.stateful):
            if frame == part.first:
                mark("first picture")
                first_digest = hashlib.sha256(picture).hexdigest()
            if frame == part.end:
                following = hashlib.sha256(picture).hexdigest()
                break
            encoder = next(encoder for encoder in encoders if encoder.first <= frame < encoder.end)
            await encoder.put(frame, picture)
    return Seam(first=first_digest, following=following)


def first_cause(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error worth telling of those that ended a chunk: what the page did, before what followed from it."""
    causes = list(errors.exceptions)
    return next((cause for cause in causes if isinstance(cause, PageError)), causes[0])


def cut_parts(chunk: Chunk, lanes: int, unit: int) -> list[Part]:
    """The chunk in `lanes` contiguous parts, as equal as may be; on the unit grid when there are units enough.

    Within a unit the later lane's pictures wait in memory for the earlier lane, so a cut off the grid is made
    only where the grid would leave a lane with much less work than another.
    """
    count = chunk.frameCount
    lanes = max(1, min(lanes, count))
    cuts = [chunk.startFrame + count * lane // lanes for lane in range(lanes)]
    if count >= 8 * unit * lanes:
        cuts = [cuts[0], *(round(cut / unit) * unit for cut in cuts[1:])]
    ends = [*cuts[1:], chunk.end]
    return [Part(lane, first, end) for lane, (first, end) in enumerate(zip(cuts, ends, strict=True))]


def units_of(part: Part, chunk: Chunk, unit: int) -> tuple[int, int]:
    """The frames whose units begin in this part, so that each unit has one encoder: first and end."""

    def next_unit(frame: int) -> int:
        return chunk.startFrame if frame == chunk.startFrame else min(-(-frame // unit) * unit, chunk.end)

    return next_unit(part.first), chunk.end if part.end == chunk.end else next_unit(part.end)
