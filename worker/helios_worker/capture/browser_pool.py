"""The browsers that a worker keeps warm between stages, one for each lane.

This module imports what it takes to start a browser's process. What shows a page in it is imported while it starts.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from helios_worker.capture.content.site import Site
from helios_worker.capture.devtools.cdp import BrowserGone
from helios_worker.capture.devtools.process import START_PAUSES, START_SECONDS, STARTS, Browser, Launch, launch
from helios_worker.capture.devtools.session import SILENT
from helios_worker.capture.devtools.start_failures import BrowserNotStarted
from helios_worker.errors import HeliosError
from helios_worker.network.addresses import AddressRule
from helios_worker.network.origin_headers import NO_HEADERS, OriginHeaders
from helios_worker.network.proxy import Proxy
from helios_worker.trace import mark

if TYPE_CHECKING:
    from helios_worker.capture.content.composition import Compositions, OpenComposition
    from helios_worker.capture.page.page import Page
    from helios_worker.capture.page.settings import PageSettings

log = logging.getLogger(__name__)


class BrowserPool:
    """Browsers by number of lane, started when first needed and again after they have died.

    lanes: how many a chunk may use at once.
    scratch: folder for temporary files of the browsers and of whoever uses them.
    rule: what pages may reach on the network.
    headers: what the server of a page on the network is sent in addition.
    renders_next: whether the film that is planned with these browsers is rendered with them next, while somebody waits.

    Each browser is started with the port of a site of its own, which serves what it shows and nothing else.
    """

    def __init__(self, scratch: Path, lanes: int, rule: AddressRule, headers: OriginHeaders = NO_HEADERS) -> None:
        self.lanes = lanes
        self.scratch = scratch
        self.rule = rule
        self.headers = headers
        self.renders_next = False
        self._proxy = Proxy(rule)
        self._sites: defaultdict[int, Site] = defaultdict(Site)
        self._launches: dict[int, Launch] = {}
        self._browsers: dict[int, Browser] = {}
        self._starting: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._expecting: set[asyncio.Task[None]] = set()

    @cached_property
    def compositions(self) -> "Compositions":
        """Opens what the browsers show."""
        from helios_worker.capture.content.composition import Compositions

        return Compositions(self.scratch, self.headers)

    def launch(self, lane: int) -> None:
        """Starts a lane's browser process without waiting."""
        if lane not in self._browsers and lane not in self._launches:
            # With one lane a second raster thread uses what the other processors have left.
            raster_threads = 2 if self.lanes == 1 else 1
            self._launches[lane] = launch(
                site_port=self._sites[lane].port,
                proxy=self._proxy,
                raster_threads=raster_threads,
                scratch=self.scratch,
            )

    def launch_ahead(self) -> None:
        """Starts the browsers of all lanes without waiting, where a film is rendered next.

        To be called when the plan waits for its page to load: the other processors are idle then, and are not once
        the plan measures what frames cost.
        """
        if self.renders_next:
            with suppress(HeliosError, OSError):  # said when the lane needs its browser
                for lane in range(self.lanes):
                    self.launch(lane)

    def expect_page(self, lane: int, settings: "PageSettings") -> None:
        """Begins to open a lane's next page without waiting, where a film is rendered next.

        To be called when it is certain that a page with these settings will follow.
        """
        if self.renders_next:
            task = asyncio.create_task(self._expect(lane, settings.width, settings.height))
            self._expecting.add(task)
            task.add_done_callback(self._expecting.discard)

    async def _expect(self, lane: int, width: int, height: int) -> None:
        with suppress(HeliosError, OSError):  # said when the page is needed
            (await self.browser(lane)).blank_pages.expect(width, height)

    async def start(self) -> None:
        """Waits for the first browser, so that the first stage finds it warm."""
        await self.browser(0)

    async def stop(self) -> None:
        """Ends the browsers and their sites."""
        for task in self._expecting:
            task.cancel()
        await asyncio.gather(*self._expecting, return_exceptions=True)
        for lane in tuple(self._launches):
            async with self._starting[lane]:
                launched = self._launches.pop(lane, None)
                if launched is not None:
                    launched.stop()
        self.kill()  # all at once: each takes a moment to end
        for browser in self._browsers.values():
            browser.stop()
        self._browsers.clear()
        for site in self._sites.values():
            await site.stop()
        self._sites.clear()
        await self._proxy.stop()

    def kill(self) -> None:
        """Kills all browsers, from any thread. Whoever waits for one of them gets BrowserGone."""
        for browser in tuple(self._browsers.values()):
            browser.kill()

    def end(self, lane: int) -> None:
        """Kills a lane's browser without waiting for its end; the lane's next page gets another."""
        browser = self._browsers.get(lane)
        if browser is not None:
            browser.connection.close("its last page is done")
            browser.kill()

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
                await self._proxy.start()
                browser = await self._start(lane)
                self._browsers[lane] = browser
                mark("browser connected")
            return browser

    async def _start(self, lane: int) -> Browser:
        """A browser that answers. One that does not start is started again, since most causes of that pass.

        Raises:
            BrowserNotStarted: none of the attempts succeeded.
            BrowserMissing: there is none that can start here.
        """
        for attempt in count(1):
            self.launch(lane)
            try:
                return await Browser.connect(self._launches.pop(lane))
            except BrowserNotStarted as failure:
                if attempt + failure.is_silent >= STARTS:
                    raise BrowserNotStarted(
                        f"{failure.message} (after {attempt} attempts)", is_silent=failure.is_silent
                    ) from failure
                log.warning("%s; starting it again", failure.message)
                await asyncio.sleep(START_PAUSES[attempt - 1])
        raise AssertionError("unreachable")

    async def version(self) -> str:
        """The browser's version, such as HeadlessChrome/156.0.8078.79."""
        return (await self.browser(0)).version

    async def blank(self, lane: int, settings: "PageSettings", composition: "OpenComposition") -> "Page":
        """A blank page in which the composition can be loaded; the caller closes it.

        A browser that died or froze since it was last used is replaced.
        """
        try:
            return await self._blank(lane, settings, composition)
        except BrowserNotStarted:
            raise
        except BrowserGone:
            return await self._blank(lane, settings, composition)

    async def _blank(self, lane: int, settings: "PageSettings", composition: "OpenComposition") -> "Page":
        from helios_worker.capture.page.page import Page

        browser, site = await self.browser(lane), self._sites[lane]
        await site.start()
        if composition.mount is not None:
            site.show(composition.mount)
        try:
            async with asyncio.timeout(START_SECONDS):
                page = await Page.open(browser, settings, composition if composition.mount is not None else None)
                if composition.recorder is not None:
                    try:
                        await composition.recorder.attach(page)
                    except HeliosError:
                        await page.close()
                        raise
                return page
        except TimeoutError:
            browser.connection.close(SILENT)
            raise BrowserGone(SILENT) from None
        except asyncio.CancelledError:
            # Perhaps cancelled because the browser does not answer: the next stage must not wait for it again.
            browser.connection.close(SILENT)
            raise

    @asynccontextmanager
    async def page(self, lane: int, composition: "OpenComposition", settings: "PageSettings") -> AsyncIterator["Page"]:
        """The composition's page, loaded and just before frame 0; closed at the end of the block."""
        page = await self.blank(lane, settings, composition)
        mark("page opened")
        try:
            with composition.blaming():
                await page.load(composition.address)
                mark("page loaded")
                yield page
        finally:
            await page.close()
