"""Which document the page shows: it may go on to another one while it loads, and never in the middle of a film.

The clock and all that the page has drawn and remembers end with its document. A change within the document (a fragment,
`history.pushState`) is none.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from helios_worker.capture.devtools.cdp import BrowserGone, EventTable, Message
from helios_worker.capture.devtools.session import Session
from helios_worker.capture.faults import PageError
from helios_worker.capture.messages import plain
from helios_worker.capture.page.console import Console
from helios_worker.capture.playhead import Playhead
from helios_worker.errors import HeliosError

MOST_DOCUMENTS = 10
SAME_DOCUMENT = frozenset({"sameDocument", "historySameDocument"})
CAUSES = {
    "anchorClick": "a link was clicked",
    "formSubmissionGet": "a form was submitted",
    "formSubmissionPost": "a form was submitted",
    "httpHeaderRefresh": "its Refresh header says so",
    "metaTagRefresh": 'its <meta http-equiv="refresh"> says so',
    "reload": "it reloads itself",
    "scriptInitiated": "a script changed its address",
}


def goes_on() -> PageError:
    """The error of a page that never stays."""
    return PageError(
        f"the page goes on to another page each time it has loaded, {MOST_DOCUMENTS} times in a row",
        remedy="give the address of the page that is to be rendered",
    )


class Navigation:
    """The documents of one page's main frame."""

    def __init__(self, session: Session, playhead: Playhead, console: Console) -> None:
        self._session = session
        self._playhead = playhead
        self._console = console
        self._loaded = asyncio.Event()
        self._left = asyncio.Event()
        self._documents = 0
        self._frame = ""
        self._cause = ""
        self._is_leaving = False
        self._has_arrived = False

    async def arrive(self, begin: Callable[[], Awaitable[None]]) -> None:
        """Waits until the page has loaded, and begins it; again where it goes on to another page meanwhile.

        Raises:
            PageError: it goes on and on.
        """
        for _ in range(MOST_DOCUMENTS):
            await self._loaded.wait()
            document = self._documents
            try:
                await begin()
            except BrowserGone:
                raise
            except HeliosError:
                if not await self._leaves(document):
                    raise
                continue
            if document == self._documents:
                self._has_arrived = True
                return
        raise goes_on()

    @asynccontextmanager
    async def staying(self) -> AsyncIterator[None]:
        """Around a step in the film. A failure that follows from leaving the document is blamed on that.

        Raises:
            PageError: the page left its document; the message says how.
        """
        try:
            yield
        except HeliosError:
            await self._leaves(self._documents)
            self._console.raise_fault()
            raise

    def abandon(self) -> None:
        """The browser has ended. Nothing may wait for a document any more."""
        self._loaded.set()

    async def _leaves(self, document: int) -> bool:
        """Whether the page has left a document. The event may come a little after what failed by it."""
        if document == self._documents and self._is_leaving:
            await self._session.briefly(self._left.wait())
        return document != self._documents

    @property
    def events(self) -> EventTable:
        """Handlers of the browser's events."""
        return {
            "Page.loadEventFired": self._on_loaded,
            "Page.frameNavigated": self._on_navigated,
            "Page.frameRequestedNavigation": self._on_requested,
            "Page.frameStartedNavigating": self._on_started,
        }

    def _on_loaded(self, params: Message) -> None:
        self._loaded.set()

    def _on_requested(self, params: Message) -> None:
        if params["frameId"] == self._frame and params.get("disposition", "currentTab") == "currentTab":
            self._cause = CAUSES.get(params["reason"], "")
            self._leave()

    def _on_started(self, params: Message) -> None:
        if params["frameId"] == self._frame and params.get("navigationType") not in SAME_DOCUMENT:
            if str(params.get("navigationType", "")).startswith("history"):
                self._cause = "it went through its history"
            self._leave()

    def _leave(self) -> None:
        self._is_leaving = True
        self._left.clear()

    def _on_navigated(self, params: Message) -> None:
        frame = params["frame"]
        if frame.get("parentId"):
            return
        self._documents += 1
        self._frame = frame["id"]
        self._is_leaving = False
        self._left.set()
        if not self._has_arrived:
            self._loaded.clear()
            if self._documents > MOST_DOCUMENTS:
                self._console.blame(goes_on())
            return
        cause = f": {self._cause}" if self._cause else ""
        self._console.blame(
            PageError(
                f"frame {max(0, self._playhead.frame)}: the page left its document for {plain(frame['url'])}{cause}",
                remedy="a film is one document: change it in place, or go to #fragments or by history.pushState",
            )
        )
