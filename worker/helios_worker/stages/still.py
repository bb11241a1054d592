"""Single frames of a planned film as exact pictures."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace

from helios_worker.artifacts.store import ArtifactStore
from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.capture.page.seek_path import walk
from helios_worker.errors import UserError
from helios_worker.jobs.spec import JobSpec
from helios_worker.rendering.departures import naming_departures
from helios_worker.rendering.page_settings import open_composition, page_settings


async def stills(
    job: JobSpec, store: ArtifactStore, browsers: BrowserPool, frames: Iterable[int]
) -> AsyncIterator[tuple[int, bytes]]:
    """Each frame's number and its PNG, in ascending order, whether or not the film is captured as PNG.

    Raises:
        UserError: there is no such frame.
        PageError: the page is wrong.
    """
    film = job.ours.film
    wanted = sorted(set(frames))
    outside = [frame for frame in wanted if not 0 <= frame < film.frames]
    if outside:
        raise UserError(f"there is no frame {outside[0]}", remedy=f"the film has frames 0 to {film.frames - 1}")
    settings = replace(page_settings(film, job.ours.frameTimeout), picture="png")
    async with (
        open_composition(browsers.compositions, store, film) as composition,
        naming_departures(browsers, composition, settings),
        browsers.page(0, composition, settings) as page,
    ):
        for frame in wanted:
            await walk(page, frame, stateful=film.stateful, drawn=film.drawn)
            await page.show(frame)
            yield frame, await page.capture()
