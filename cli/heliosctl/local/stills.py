"""Stills: single frames of a page or of an existing film, also for contact sheets."""

import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
from av.container import InputContainer
from PIL import Image

from helios_crds.request import RenderRequest
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import local_path, split_object
from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.encode.proof.verify import other_than_film
from helios_worker.errors import CorruptArtifact, UserError
from helios_worker.jobs.spec import JobSpec
from helios_worker.network.addresses import AddressRule
from helios_worker.network.origin_headers import NO_HEADERS, OriginHeaders
from helios_worker.stages.plan import plan_without_job
from helios_worker.stages.still import stills
from helios_worker.workspace import Workspace
from heliosctl.local.lock import planning

Choose = Callable[[int, Fraction], list[int]]
"""Given a film's number of frames and its rate, the frames to take."""


@asynccontextmanager
async def browsers_here(headers: OriginHeaders = NO_HEADERS) -> AsyncIterator[BrowserPool]:
    """One browser in this process. headers: what the page's server is sent in addition."""
    workspace = Workspace(Path(tempfile.gettempdir()))
    rule = AddressRule.from_environment(loopback=True)
    browsers = BrowserPool(workspace.path, lanes=1, rule=rule, headers=headers)
    try:
        yield browsers
    finally:
        await browsers.stop()
        workspace.close()


async def from_page(
    request: RenderRequest,
    store: ArtifactStore,
    choose: Choose,
    on_still: Callable[[JobSpec, int], None],
    headers: OriginHeaders = NO_HEADERS,
) -> tuple[JobSpec, dict[int, bytes]]:
    """The plan of a page's film, and the chosen frames as PNG bytes, by number.

    on_still: called with the plan and the number of stills so far, first with 0.
    headers: what the page's server is sent in addition.
    """
    root = local_path(store.url)
    # No job names the plan's files, so the clean-up waits until the stills are there.
    async with browsers_here(headers) as browsers, planning(store):
        job = await plan_without_job(request, store, browsers, exclude=[root] if root is not None else [])
        on_still(job, 0)
        taken: dict[int, bytes] = {}
        film = job.ours.film
        async for frame, png in stills(job, store, browsers, choose(film.frames, film.encoder.fps)):
            taken[frame] = png
            on_still(job, len(taken))
    return job, taken


def from_film(path: Path, choose: Choose) -> tuple[Fraction, dict[int, Image.Image]]:
    """The rate of a film, and its chosen frames, by number.

    Raises:
        UserError: it is something else than a film.
        CorruptArtifact: it is not a readable one, or a frame of it cannot be decoded.
    """
    taken: dict[int, Image.Image] = {}
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise CorruptArtifact(f"{path} contains no video")
            other = other_than_film(container)
            if other is not None:
                raise UserError(f"{path} is not a film: it is {other}", remedy="name a video file, or a page")
            stream = container.streams.video[0]
            fps = stream.guessed_rate or stream.average_rate or Fraction(25)
            start = stream.start_time or 0
            if stream.time_base is None:
                raise CorruptArtifact(f"{path} has no time base")
            for number in choose(_frame_count(container, stream, fps), fps):
                # The middle of the frame: its own timestamp may be rounded to a coarser time base.
                due = start + round((number + Fraction(1, 2)) / fps / stream.time_base)
                container.seek(due, stream=stream)
                shown = None
                for frame in container.decode(stream):
                    if shown is not None and frame.pts is not None and frame.pts > due:
                        break
                    shown = frame
                if shown is None:
                    raise CorruptArtifact(f"{path}: frame {number} cannot be decoded")
                taken[number] = shown.to_image()  # type: ignore[no-untyped-call]
    except av.FFmpegError as error:
        raise CorruptArtifact(f"{path} is not a readable video ({error.strerror})") from error
    return fps, taken


def write_picture(target: str, png: bytes) -> None:
    """Writes a picture whole, or not at all. target: a path or an object's URL.

    Raises:
        HeliosError, OSError: it cannot be written.
    """
    folder, name = split_object(target)
    path = local_path(target)
    if path is None:
        ArtifactStore(folder).put(name, png, kind="image/png")
        return
    partial = path.with_name(f".{path.name[:100]}.partial-{os.getpid()}")
    try:
        partial.write_bytes(png)
        partial.replace(path)
    except OSError as error:  # a full disk has no name in it
        raise OSError(error.errno, error.strerror, target) from error
    finally:
        partial.unlink(missing_ok=True)


def decoded(png: bytes) -> Image.Image:
    """A PNG as an image."""
    return Image.open(BytesIO(png)).convert("RGB")


def _frame_count(container: InputContainer, stream: av.VideoStream, fps: Fraction) -> int:
    if stream.frames:
        return stream.frames
    if stream.duration and stream.time_base:
        return max(1, round(stream.duration * stream.time_base * fps))
    return max(1, round(Fraction(container.duration or 0, av.time_base) * fps))
