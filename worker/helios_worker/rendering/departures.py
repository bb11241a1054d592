"""Finds the frame at which a page leaves its document, so that every attempt names the same one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.capture.content.composition import OpenComposition
from helios_worker.capture.faults import LeftDocument
from helios_worker.capture.page.settings import PageSettings
from helios_worker.capture.run_timeout import run_timeout

SECONDS = 60.0


@asynccontextmanager
async def naming_departures(
    browsers: BrowserPool, composition: OpenComposition, settings: PageSettings
) -> AsyncIterator[None]:
    """Around the frames of a page. Where it leaves its document in a jump, its frames are walked to find the first one.

    Raises:
        LeftDocument: the page left its document; the message names the frame.
    """
    try:
        yield
    except LeftDocument as left:
        if left.jumped:
            await _walk(browsers, composition, settings, left.frame)
        raise


async def _walk(browsers: BrowserPool, composition: OpenComposition, settings: PageSettings, last: int) -> None:
    try:
        async with run_timeout(SECONDS), browsers.page(0, composition, settings) as page:
            for frame in range(last + 1):
                await page.show(frame)
    except TimeoutError:
        pass  # then the frame that a jump came to has to do
