"""Which document the page shows: it may go on to another one while it loads, and never in the middle of a film.

The clock and all that the page has drawn and remembers end with its document. A change within the document (a fragment,
`history.pushState`) is none. The page's frames may go on to other documents at any time.

The browser counts the seconds of a refresh (`<meta http-equiv="refresh">`, the Refresh header) on a clock of its own.
The virtual clock of the document counts them instead, in the page as in its frames: `clock/navigation.js` says how.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson

from helios_worker.capture.devtools.cdp import BrowserGone, CommandRefused, EventTable, Message
from helios_worker.capture.devtools.session import Session
from helios_worker.capture.faults import LeftDocument, PageError
from helios_worker.capture.messages import plain
from helios_worker.capture.page.clock_handles import GATE
from helios_worker.capture.page.console import Console
from helios_worker.capture.playhead import Playhead
from helios_worker.errors import HeliosError

MOST_DOCUMENTS = 10
FRAMES_KEPT = 10_000
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
HISTORY = "it went through its history"
REFRESHES = frozenset({"httpHeaderRefresh", "metaTagRefresh"})


def goes_on() -> PageError:
    """The error of a page that never stays."""
    return PageError(
        f"the page goes on to another page each time it has loaded, {MOST_DOCUMENTS} times in a row",
        remedy="give the address of the page that is to be rendered",
    )


class Navigation:
    """The documents of one page.

    secret: of the page's clock.
    """

    def __init__(self, session: Session, playhead: Playhead, console: Console, secret: str) -> None:
        self._session = session
        self._playhead = playhead
        self._console = console
        self._secret = secret
        self._loaded = asyncio.Event()
        self._settled = asyncio.Event()  # the page is not about to leave its document
        self._settled.set()
        self._documents = 0
        self._frame = ""
        self._cause = ""
        self._refresh = ""  # the cause, once the refresh is due that waits for its time
        self._is_refreshing = False
        self._runs_address = False  # whether a javascript: address has been gone to
        self._before = -1  # the frame before the step
        self._has_arrived = False
        self._contexts: dict[str, int] = {}  # of each frame's scripts
        self._layouts: set[asyncio.Task[Message | None]] = set()

    async def arrive(self, ready: Callable[[], Awaitable[None]], begin: Callable[[], Awaitable[None]]) -> None:
        """Waits until the page has loaded, and begins it; again where it goes on to another page meanwhile.

        ready: waits until nothing of the document is on its way. begin: begins the document's time.

        Raises:
            PageError: it goes on and on.
        """
        for _ in range(MOST_DOCUMENTS):
            await self._loaded.wait()
            document = self._documents
            try:
                await ready()
                if document == self._documents:
                    await begin()
            except BrowserGone:
                raise
            except HeliosError as error:
                if not await self._leaves(document) and not self._is_replaced(error):
                    raise
                continue
            if not await self._leaves(document):
                self._has_arrived = True
                return
        raise goes_on()

    @asynccontextmanager
    async def staying(self) -> AsyncIterator[None]:
        """Around a step in the film. A failure that follows from leaving the document is blamed on that.

        Raises:
            LeftDocument: the page left its document; the message says how.
        """
        document, self._before = self._documents, self._playhead.frame
        try:
            yield
        except HeliosError as error:
            if not await self._leaves(document) and self._is_replaced(error):
                self._blame("another one", "a javascript: address returned it")
            self._console.raise_fault()
            raise
        if not self._settled.is_set():
            await self._leaves(document)
            self._console.raise_fault()

    def note_leaving(self, *, is_refresh: bool) -> None:
        """The page is about to leave its document. is_refresh: because a refresh is due on the virtual clock."""
        self._is_refreshing = is_refresh

    def lay_out(self) -> None:
        """Has the documents laid out that wait for nothing else."""
        for context in self._contexts.values():
            expression = f"'use strict';{GATE}('{self._secret}').layOut()"
            answer = self._session.command("Runtime.evaluate", {"expression": expression, "contextId": context})
            task = asyncio.create_task(self._session.briefly(answer))  # it may have gone
            self._layouts.add(task)
            task.add_done_callback(self._layouts.discard)

    def abandon(self) -> None:
        """The browser has ended. Nothing may wait for a document any more."""
        self._loaded.set()
        self._settled.set()

    async def _leaves(self, document: int) -> bool:
        """Whether the page has left a document. The event may come a little after what failed by it."""
        if document == self._documents:
            await self._settled.wait()
        return document != self._documents

    def _is_replaced(self, error: HeliosError) -> bool:
        """Whether an error follows from a document's place being taken by what a javascript: address returned."""
        return self._runs_address and isinstance(error, CommandRefused)

    def _blame(self, address: str, cause: str) -> None:
        at = max(0, self._playhead.frame)
        self._console.blame(LeftDocument(at, address, cause, jumped=at - self._before > 1))

    @property
    def events(self) -> EventTable:
        """Handlers of the browser's events."""
        return {
            "Page.loadEventFired": self._on_loaded,
            "Page.frameNavigated": self._on_navigated,
            "Page.frameRequestedNavigation": self._on_requested,
            "Page.frameScheduledNavigation": self._on_scheduled,
            "Page.frameStartedNavigating": self._on_started,
            "Page.frameStoppedLoading": self._on_stopped,
            "Page.frameDetached": self._on_detached,
            "Runtime.executionContextCreated": self._on_context,
        }

    def _on_loaded(self, params: Message) -> None:
        self._loaded.set()

    def _on_context(self, params: Message) -> None:
        about = params["context"].get("auxData", {})
        if about.get("isDefault") and len(self._contexts) < FRAMES_KEPT:
            self._contexts[about.get("frameId", "")] = params["context"]["id"]

    def _on_detached(self, params: Message) -> None:
        self._contexts.pop(params["frameId"], None)

    def _on_scheduled(self, params: Message) -> None:
        """A refresh begins to wait. One that waits for nothing is left to the browser."""
        if params["frameId"] == self._frame and params["url"].startswith("javascript:"):
            self._runs_address = True
        context = self._contexts.get(params["frameId"])
        if params["reason"] not in REFRESHES or not params["delay"] or context is None:
            return
        if params["frameId"] == self._frame:
            self._refresh = CAUSES[params["reason"]]
        arguments = orjson.dumps([params["url"], 1000 * params["delay"]]).decode()[1:-1]
        # No spread: it asks the page's arrays how.
        expression = f"'use strict';{GATE}('{self._secret}').refresh({arguments})"
        self._session.post("Runtime.evaluate", {"expression": expression, "contextId": context})

    def _on_requested(self, params: Message) -> None:
        if params["frameId"] == self._frame and params.get("disposition", "currentTab") == "currentTab":
            self._cause = self._refresh if self._is_refreshing else CAUSES.get(params["reason"], "")
            self._settled.clear()

    def _on_started(self, params: Message) -> None:
        if params["frameId"] == self._frame and params.get("navigationType") not in SAME_DOCUMENT:
            if str(params.get("navigationType", "")).startswith("history"):
                self._cause = HISTORY
            self._settled.clear()

    def _on_stopped(self, params: Message) -> None:
        """The page goes nowhere else for now: it has arrived, or the answer was a file to be saved, or none."""
        if params["frameId"] == self._frame:
            self._settled.set()

    def _on_navigated(self, params: Message) -> None:
        frame = params["frame"]
        if frame.get("parentId"):
            return
        self._documents += 1
        self._frame = frame["id"]
        self._settled.set()
        if not self._has_arrived:
            self._loaded.clear()
            if self._documents > MOST_DOCUMENTS:
                self._console.blame(goes_on())
            return
        self._blame(plain(frame["url"]), self._cause)
