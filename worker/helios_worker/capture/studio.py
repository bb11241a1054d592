"""What a worker keeps warm between stages: its browsers and the site they read compositions from."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from helios_worker.capture.browser import Browser
from helios_worker.capture.page import Page, PageSettings
from helios_worker.capture.site import Site
from helios_worker.job import Film
from helios_worker.snapshot import load_snapshot, locator
from helios_worker.store import ArtifactStore


class Studio:
    """Browsers by number, started when first needed and again when they have died.

    lanes: how many a chunk may use at once.
    scratch: folder for files fetched from a remote store.
    """

    def __init__(self, scratch: Path, lanes: int) -> None:
        self.lanes = lanes
        self.scratch = scratch
        self._site = Site()
        self._browsers: dict[int, Browser] = {}
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Serves the site and starts the first browser, so that the first stage finds it warm."""
        await self.browser(0)

    async def stop(self) -> None:
        """Ends the browsers and the site."""
        for browser in self._browsers.values():
            browser.stop()
        self._browsers.clear()
        await self._site.stop()

    async def browser(self, lane: int) -> Browser:
        """The lane's browser, alive."""
        async with self._starting:
            if self._site.port == 0:
                await self._site.start()
            browser = self._browsers.get(lane)
            if browser is not None and not browser.is_alive:
                browser.stop()
                browser = None
            if browser is None:
                # With one lane a second raster thread uses what the other processors have left.
                browser = await Browser.start(
                    site_port=self._site.port, raster_threads=2 if self.lanes == 1 else 1, scratch=self.scratch
                )
                self._browsers[lane] = browser
            return browser

    async def version(self) -> str:
        """Of the browser, such as HeadlessChrome/156.0.8078.79."""
        return (await self.browser(0)).version

    async def address(self, store: ArtifactStore, film: Film) -> str:
        """Where the browsers find the film's page."""
        if not film.snapshot:
            return film.url
        snapshot = await asyncio.to_thread(load_snapshot, store, film.snapshot)
        return self._site.mount(film.snapshot[:20], locator(store, snapshot, self.scratch)) + film.entry

    @asynccontextmanager
    async def page(self, lane: int, address: str, settings: PageSettings) -> AsyncIterator[Page]:
        """A fresh page at the brink of frame 0, closed at the end of the block."""
        page = await Page.open(await self.browser(lane), settings)
        try:
            await page.load(address)
            yield page
        finally:
            await page.close()
