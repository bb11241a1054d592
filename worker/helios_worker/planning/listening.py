"""What a page plays: one pass over the film's frames, in a page of its own that is not captured."""

from dataclasses import replace

from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.capture.content.composition import OpenComposition
from helios_worker.capture.page.page import Page
from helios_worker.capture.page.settings import PageSettings
from helios_worker.capture.page.sounds import HeardPiece
from helios_worker.capture.playhead import instant_ms
from helios_worker.jobs.spec import FilmSpec

# What is heard is taken from the page that often, so that its memory does not grow with the film.
FRAMES_AT_ONCE = 500


async def listen(
    film: FilmSpec, composition: OpenComposition, browsers: BrowserPool, settings: PageSettings
) -> list[HeardPiece]:
    """The pieces of videos and sounds that a film's page plays, by their begin.

    Raises:
        PageError: a frame of the page failed.
    """
    pieces: list[HeardPiece] = []
    async with browsers.page(0, composition, replace(settings, hears=True)) as page:
        for frame in range(film.end):
            await page.show(frame)
            if film.drawn:
                await page.draw()
            if frame % FRAMES_AT_ONCE == 0:
                pieces += await page.heard()
        pieces += await page.heard(instant_ms(film.end, film.encoder.fps))
    return sorted(pieces, key=lambda piece: piece.begin)
