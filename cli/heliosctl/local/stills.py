"""Stills: single frames of a page, also for contact sheets."""

import os
from collections.abc import Callable
from fractions import Fraction

from helios_crds.request import RenderRequest
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import local_path, split_object
from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.jobs.spec import JobSpec
from helios_worker.stages.plan import plan_without_job
from helios_worker.stages.still import stills
from heliosctl.local.lock import planning

Choose = Callable[[int, Fraction], list[int]]
"""Given a film's number of frames and its rate, the frames to take."""


async def from_page(
    request: RenderRequest,
    store: ArtifactStore,
    browsers: BrowserPool,
    choose: Choose,
    on_still: Callable[[JobSpec, int], None],
) -> tuple[JobSpec, dict[int, bytes]]:
    """The plan of a page's film, and the chosen frames as PNG bytes, by number.

    on_still: called with the plan and the number of stills so far, first with 0.
    """
    root = local_path(store.url)
    # No job names the plan's files, so the clean-up waits until the stills are there.
    async with planning(store):
        job = await plan_without_job(request, store, browsers, exclude=[root] if root is not None else [])
        on_still(job, 0)
        taken: dict[int, bytes] = {}
        film = job.ours.film
        async for frame, png in stills(job, store, browsers, choose(film.frames, film.encoder.fps)):
            taken[frame] = png
            on_still(job, len(taken))
    return job, taken


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
