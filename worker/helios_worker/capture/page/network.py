"""Which of a page's requests are unanswered, and which failed.

Long, because how a request begins decides what its end means.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice

from helios_worker.capture.devtools.cdp import EventTable, Message
from helios_worker.capture.messages import URL_KEPT, BoundedLines, composition_path, plain
from helios_worker.capture.page.console import Console
from helios_worker.capture.page.load_failures import (
    Unreachable,
    failed_reason,
    is_document,
    load_failure,
    status_failure,
    undisplayed,
)
from helios_worker.capture.page.media_files import MediaFiles
from helios_worker.capture.page.navigation import SAME_DOCUMENT
from helios_worker.capture.page.served_files import ServedFiles
from helios_worker.capture.page.suspects import KINDS, UNSHOWN, Suspect, Suspects
from helios_worker.capture.run_timeout import run_timeout
from helios_worker.errors import HeliosError, NetworkTrouble

# A page may request data: URLs of hundreds of megabytes, and anything a million times.
IGNORED_KEPT = 1000
REPORTED = 50
DEFAULT_PATIENCE = 7.5
# Real time after which a document that waits for none of its files any more is looked after.
LAYOUT_SECONDS = 0.2
# Requests that never end, or that nothing on the picture waits for.
UNENDING = frozenset({"WebSocket", "EventSource", "Media", "Ping", "Preflight", "CSPViolationReport"})


@dataclass(frozen=True)
class Request:
    """An unanswered request.

    is_file: False for a frame as a whole, which loads until its last file has come.
    first_url: before redirects. method: as in HTTP. preloaded: whether a <link rel=preload> asked for it.
    may_block: whether a script may stand still until it is answered, as in a synchronous XMLHttpRequest.
    frame, document: IDs of the frame whose document asked, and of that document; "" where the browser does not say.
    """

    url: str
    is_file: bool
    frame: str = ""
    document: str = ""
    first_url: str = ""
    method: str = "GET"
    preloaded: bool = False
    may_block: bool = False


class Network:
    """The requests of a page with its frames and workers. The console notes each failed one.

    seen: number of requests so far, by which a step that made new requests is noticed.
    has_animated_images: whether one of the answers was an image that may be animated (`images` finds out).
    patience: seconds to wait for the answer to a request that the page may abort.
    media: its videos and sounds.
    page_failure: why the page itself, its first document, did not load.
    unreachable: why no connection to a host could be made.
    files: of the page's composition; None where the page is on the network.
    lay_out: has documents that wait for their own layout laid out (`navigation`).
    suspects: takes the files that failed and may not matter; None where all matter.
    """

    def __init__(
        self,
        console: Console,
        unreachable: Unreachable,
        files: ServedFiles | None = None,
        suspects: Suspects | None = None,
    ) -> None:
        self.seen = 0
        self.patience = DEFAULT_PATIENCE
        self.has_animated_images = False
        self.page_failure: HeliosError | None = None
        self.media = MediaFiles(console, unreachable, self._explain_missing)
        self._console = console
        self._given: set[str] = set()
        self._unreachable = unreachable
        self._files = files
        self._suspects = suspects
        self._document: str | None = None  # number of the request for the page itself
        self._pending: dict[str, Request] = {}
        self._unawaited: set[str] = set()
        self._abortable: set[str] = set()
        self._opaque: dict[str, None] = {}  # numbers of the last requests whose answers no script can read
        self._statuses: dict[str, int] = {}  # of unanswered requests that a server has answered with an error
        self._holds = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self.lay_out: Callable[[], None] = lambda: None

    @property
    def unanswered_count(self) -> int:
        """How many requests are unanswered."""
        return len(self._pending)

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to wait for: no request is unanswered, or the browser has ended."""
        return self._quiet.is_set()

    @property
    def given_cookies(self) -> frozenset[str]:
        """Names of the cookies that answers set, so far as the browser has told."""
        return frozenset(self._given)

    def is_readable(self, number: str) -> bool:
        """Whether a script may read the answer to a request, so far as the browser has told."""
        return number not in self._opaque

    async def quiet(self) -> None:
        """Waits until every request is answered, or only those are not that the page may abort."""
        if self._quiet.is_set():
            return
        async with self.laying_out():
            try:
                async with run_timeout(self.patience):
                    await self._quiet.wait()
            except TimeoutError:
                for number, request in tuple(self._pending.items()):
                    if request.url in self._abortable:
                        self._end(number)
                await self._quiet.wait()

    @asynccontextmanager
    async def laying_out(self) -> AsyncIterator[None]:
        """Around a wait for documents. One with `<use href="icons.svg#a">` loads to its end only when it is laid out.

        A browser does that for each frame that it draws, and ours draws none before a document has loaded.
        """

        async def look_after() -> None:
            while True:
                await asyncio.sleep(LAYOUT_SECONDS)
                if self._pending and not any(request.is_file for request in self._pending.values()):
                    self.lay_out()

        task = asyncio.create_task(look_after())
        try:
            yield
        finally:
            task.cancel()

    def note_abortable(self, url: str) -> None:
        """Frames do not wait for this file beyond `patience`, since the page may give it up after a time of its own."""
        if len(self._abortable) < IGNORED_KEPT:
            self._abortable.add(url[:URL_KEPT])

    async def hold_until(self, done: Awaitable[object]) -> None:
        """Frames wait for something that may lead to a request, as for a request."""
        self._holds += 1
        number = f"hold {self._holds}"
        self._begin(number, Request("", is_file=False))
        try:
            await done
        finally:
            self._end(number)

    def abandon(self) -> None:
        """The browser has ended. Nothing may wait for an answer any more."""
        self._quiet.set()

    def ignore(self, url: str) -> None:
        """Frames no longer wait for this file, such as one that the clock fetches for the page."""
        url = url[:URL_KEPT]
        if len(self._unawaited) < IGNORED_KEPT:
            self._unawaited.add(url)
        for number, request in tuple(self._pending.items()):
            if request.url == url:
                self._end(number)

    def unanswered(self, address: str = "", *, blocking: bool = False) -> list[str]:
        """URLs of unanswered requests: files first, a loading frame only where none of its files is late.

        address: of the page, which is listed only where nothing else is. blocking: only those that may keep the page's
        scripts from going on meanwhile.
        """
        if blocking:
            return listed(request.url for request in self._pending.values() if request.may_block)
        urls = [request.url for request in self._pending.values() if request.is_file]
        files = [url for url in urls if url != address] + self.media.unanswered
        return listed(files or urls or [request.url for request in self._pending.values()])

    @property
    def events(self) -> EventTable:
        """Handlers of the browser's events."""
        return {
            "Network.requestWillBeSent": self._on_request,
            "Network.requestWillBeSentExtraInfo": self._on_raw_request,
            "Network.responseReceived": self._on_response,
            "Network.responseReceivedExtraInfo": self._on_raw_response,
            "Network.loadingFinished": self._on_finished,
            "Network.loadingFailed": self._on_failed,
            "Page.frameScheduledNavigation": self._on_frame_refreshing,
            "Page.frameClearedScheduledNavigation": self._on_frame_refreshed,
            "Page.frameRequestedNavigation": self._on_frame_leaving,
            "Page.frameStartedNavigating": self._on_frame_navigating,
            "Page.frameNavigated": self._on_frame_navigated,
            "Page.frameStoppedLoading": self._on_frame_done,
            "Page.frameDetached": self._on_frame_done,
        }

    def _begin(self, number: str, request: Request) -> None:
        self.seen += 1
        self._pending[number] = request
        self._quiet.clear()

    def _end(self, number: str) -> Request | None:
        request = self._pending.pop(number, None)
        if not self._pending:
            self._quiet.set()
        return request

    def _on_request(self, params: Message) -> None:
        url = params["request"]["url"][:URL_KEPT]
        if self._document is None and params.get("type") == "Document":
            self._document = params["requestId"]
        if params.get("type") not in UNENDING and url not in self._unawaited:
            before = self._pending.get(params["requestId"]) if "redirectResponse" in params else None
            request = Request(
                url,
                is_file=True,
                frame=params.get("frameId", ""),
                document=params.get("loaderId", ""),
                first_url=before.first_url if before is not None else params["request"]["url"],
                method=params["request"].get("method", "GET"),
                preloaded=params["request"].get("isLinkPreload", False),
                may_block=params.get("type") == "XHR",
            )
            self._begin(params["requestId"], request)

    def _on_frame_refreshing(self, params: Message) -> None:
        """A frame refreshes itself; at once, or else on the virtual clock (`navigation`)."""
        if not params["delay"]:
            request = Request(params["url"][:URL_KEPT], is_file=False, frame=params["frameId"])
            self._begin(f"refresh of {params['frameId']}", request)

    def _on_frame_refreshed(self, params: Message) -> None:
        self._end(f"refresh of {params['frameId']}")

    def _on_frame_leaving(self, params: Message) -> None:
        """A frame is about to navigate. The browser says so before it answers the step in which that began."""
        if params.get("disposition", "currentTab") == "currentTab":
            self._begin(f"frame {params['frameId']}", Request(params["url"][:URL_KEPT], is_file=False))

    def _on_frame_navigating(self, params: Message) -> None:
        """A frame loads from here until Page.frameStoppedLoading, a srcdoc one too, which asks for no file."""
        if params.get("navigationType") in SAME_DOCUMENT:
            return
        self._begin(f"frame {params['frameId']}", Request(params["url"][:URL_KEPT], is_file=False))

    def _on_frame_navigated(self, params: Message) -> None:
        """A frame shows another document. Of what the one before it asked for, the end may never be reported."""
        frame, document = params["frame"]["id"], params["frame"].get("loaderId", "")
        for number, request in tuple(self._pending.items()):
            if request.frame == frame and request.document != document:
                self._end(number)

    def _on_frame_done(self, params: Message) -> None:
        self._end(f"frame {params['frameId']}")

    def _on_response(self, params: Message) -> None:
        if params.get("type") == "Media":
            return  # a video may have another file
        if params.get("type") == "Document" and params["response"]["mimeType"].startswith(("video/", "audio/")):
            self._end(params["requestId"])  # a frame that shows a video asks for as much of it as it needs
        status = params["response"]["status"]
        url = params["response"]["url"]
        self._statuses.pop(params["requestId"], None)
        if status >= 400 and not url.endswith("/favicon.ico"):
            failure = status_failure(url, status, self._explain_missing(url, status))
            self._note_failure(params["requestId"], params.get("type", ""), failure)
        elif params.get("type") == "Stylesheet" and params["response"]["mimeType"] != "text/css":
            kind = plain(params["response"]["mimeType"])
            self._console.remark(f"{plain(url)} is of the type {kind}: browsers apply it in quirks mode at most")
        elif params.get("type") == "Document" and not is_document(params["response"]):
            self._note_failure(params["requestId"], "Document", undisplayed(url, params["response"]["mimeType"]))

    def _explain_missing(self, url: str, status: int) -> tuple[str, str]:
        path = composition_path(url) if status == HTTPStatus.NOT_FOUND else None
        return ("", "") if self._files is None or path is None else self._files.explain_missing(path)

    def _on_raw_request(self, params: Message) -> None:
        headers = {name.lower(): value for name, value in params["headers"].items()}
        if headers.get("sec-fetch-mode") == "no-cors" and headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            self._opaque[params["requestId"]] = None
            if len(self._opaque) > IGNORED_KEPT:
                del self._opaque[next(iter(self._opaque))]

    def _on_raw_response(self, params: Message) -> None:
        if params.get("statusCode", 0) >= 400 and len(self._statuses) < IGNORED_KEPT:
            self._statuses[params["requestId"]] = params["statusCode"]
        for name, value in params["headers"].items():
            if name.lower() == "set-cookie":
                names = (line.partition("=")[0].strip()[:URL_KEPT] for line in value.split("\n"))
                self._given.update(islice(names, max(0, IGNORED_KEPT - len(self._given))))

    def _on_finished(self, params: Message) -> None:
        self._end(params["requestId"])

    def _on_failed(self, params: Message) -> None:
        request = self._end(params["requestId"])
        reason = failed_reason(params)
        if reason == "other" and params.get("type") == "Document":
            reason = "frame"
        # The browser's log says which policy of the page blocks a file, and where it is written (`unshown`).
        if request is not None and reason not in ("", "csp") and not params.get("canceled"):
            status = self._statuses.pop(params["requestId"], 0)
            if status:  # which the browser keeps from the page
                failure = status_failure(request.url, status, self._explain_missing(request.url, status))
            else:
                failure = load_failure(request.url, reason, self._unreachable)
            self._note_failure(params["requestId"], params.get("type", ""), failure, request)

    def _note_failure(self, number: str, kind: str, failure: HeliosError, request: Request | None = None) -> None:
        request = request or self._pending.get(number)
        is_secret = kind == "Fetch" and not self.is_readable(number)
        if request is not None and request.method == "HEAD" and not isinstance(failure, NetworkTrouble):
            return None  # that is the answer to what was asked
        if kind in UNSHOWN or is_secret:
            return self._console.remark(f"{failure.message}; nothing in the picture needs it")
        may_not_matter = kind in KINDS and number != self._document and not isinstance(failure, NetworkTrouble)
        if self._suspects is not None and request is not None and may_not_matter:
            address = request.url if kind == "Fetch" else request.first_url
            return self._suspects.add(Suspect(address, kind, failure, request.preloaded))
        if number == self._document:
            self.page_failure = self.page_failure or failure
            if isinstance(failure, NetworkTrouble):  # then there is no page, whatever its errors may become
                self._console.blame(failure)
        return self._console.note_failure(failure)


def listed(texts: Iterable[str]) -> list[str]:
    """Texts of a page for a report: the first few, and how many more there are."""
    lines = BoundedLines(REPORTED)
    for text in texts:
        lines.add(plain(text))
    return list(lines)
