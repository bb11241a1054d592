"""What a worker keeps warm between stages: its browsers and the site they read compositions from."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from helios_worker.artifacts.blobs import Blobs
from helios_worker.artifacts.recording import load_recording
from helios_worker.artifacts.snapshot import load_snapshot, locator
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.capture.content.recorder import Recorder
from helios_worker.capture.content.site import Site
from helios_worker.capture.devtools.cdp import BrowserGone
from helios_worker.capture.devtools.process import START_SECONDS, Browser, Launch, launch
from helios_worker.capture.devtools.session import SILENT
from helios_worker.capture.page.page import Page
from helios_worker.capture.page.settings import PageSettings
from helios_worker.errors import HeliosError
from helios_worker.trace import mark

if TYPE_CHECKING:
    from helios_worker.jobs.spec import FilmSpec


class BrowserPool:
    """Browsers by number, started when first needed and again when they have died.

    lanes: how many a chunk may use at once.
    scratch: folder for files fetched from a remote store.
    """

    def __init__(self, scratch: Path, lanes: int) -> None:
        self.lanes = lanes
        self.scratch = scratch
        self._site = Site()
        self._blobs = Blobs(scratch)
        self._faults: dict[str, list[HeliosError]] = {}
        self._recorders: dict[str, Recorder] = {}
        self._launches: dict[int, Launch] = {}
        self._browsers: dict[int, Browser] = {}
        self._starting: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    def launch(self, lane: int) -> None:
        """Starts a lane's browser process without waiting."""
        if lane not in self._browsers and lane not in self._launches:
            # With one lane a second raster thread uses what the other processors have left.
            raster_threads = 2 if self.lanes == 1 else 1
            self._launches[lane] = launch(
                site_port=self._site.port, raster_threads=raster_threads, scratch=self.scratch
            )

    async def start(self) -> None:
        """Waits for the first browser and serves the site, so that the first stage finds both."""
        self.launch(0)
        await self._site.start()
        await self.browser(0)

    async def stop(self) -> None:
        """Ends the browsers and the site."""
        for lane in tuple(self._launches):
            with suppress(HeliosError):  # one that never came up has ended already
                await self.browser(lane)
        for browser in self._browsers.values():
            browser.stop()
        self._browsers.clear()
        await self._site.stop()

    def kill(self) -> None:
        """Kills the browsers there are, from any thread; whoever waits for one of them hears that it ended."""
        for browser in tuple(self._browsers.values()):
            browser.kill()

    def make_room(self) -> None:
        """Between two stages: what compositions left here must not fill the folder of a worker that stays."""
        self._blobs.make_room()

    async def browser(self, lane: int) -> Browser:
        """The lane's browser, alive."""
        async with self._starting[lane]:
            browser = self._browsers.get(lane)
            if browser is not None and not browser.is_alive:
                browser.stop()
                del self._browsers[lane]
                browser = None
            if browser is None:
                self.launch(lane)
                browser = await Browser.connect(self._launches.pop(lane))
                self._browsers[lane] = browser
                mark("browser connected")
            return browser

    async def version(self) -> str:
        """Of the browser, such as HeadlessChrome/156.0.8078.79."""
        return (await self.browser(0)).version

    async def address(self, store: ArtifactStore, film: "FilmSpec") -> str:
        """Where the browsers find the film's page, with what the network answers it as recorded."""
        address, faults = film.url, list[HeliosError]()
        if film.snapshot:
            await self._site.start()
            snapshot = await asyncio.to_thread(load_snapshot, store, film.snapshot)
            name = film.snapshot[:20]
            address = self._site.mount(name, locator(store, snapshot, self._blobs), faults.append) + film.entry
        self._faults[address] = faults
        self._recorders.pop(address, None)
        if film.recording:
            recording = await asyncio.to_thread(load_recording, store, film.recording)
            self._recorders[address] = Recorder(store, self._blobs, faults, recording)
        return address

    def record(self, store: ArtifactStore, address: str, *, passive: bool) -> Recorder:
        """Records what the network answers the pages at an address from now on.

        passive: only hears what is asked of other hosts than the composition's own.
        """
        recorder = Recorder(store, self._blobs, self._faults[address], passive=passive)
        self._recorders[address] = recorder
        return recorder

    @contextmanager
    def blaming(self, address: str) -> Iterator[None]:
        """Around what a page does: a fault of ours comes before whatever the page made of it, even if nothing.

        Raises:
            HeliosError: what kept a file from the page that its composition has.
        """
        faults = self._faults.get(address, [])
        try:
            yield
        except HeliosError:
            if not faults:
                raise
        if faults:
            raise faults[0]

    async def blank(self, lane: int, settings: PageSettings, address: str) -> Page:
        """A blank page for an address; the caller closes it.

        A browser that died or froze while nobody looked is replaced.
        """
        try:
            return await self._open(lane, settings, address)
        except BrowserGone:
            return await self._open(lane, settings, address)

    async def _open(self, lane: int, settings: PageSettings, address: str) -> Page:
        browser = await self.browser(lane)
        try:
            async with asyncio.timeout(START_SECONDS):
                page = await Page.open(browser, settings)
                if address in self._recorders:
                    await self._recorders[address].attach(page)
                return page
        except TimeoutError:
            browser.connection.close(SILENT)
            raise BrowserGone(SILENT) from None
        except (
            asyncio.CancelledError
        ):  # perhaps because it does not answer, which the next stage must not find out again
            browser.connection.close(SILENT)
            raise

    @asynccontextmanager
    async def page(self, lane: int, address: str, settings: PageSettings) -> AsyncIterator[Page]:
        """A fresh page at the brink of frame 0, closed at the end of the block."""
        page = await self.blank(lane, settings, address)
        mark("page opened")
        try:
            with self.blaming(address):
                await page.load(address)
                mark("page loaded")
                yield page
        finally:
            await page.close()
