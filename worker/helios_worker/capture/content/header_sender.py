"""Decides which requests of one page get the headers and cookies for the composition's server.

A request gets them if it goes to the composition's origin, if the document that asks is of that origin, and if no
redirect has led the request elsewhere on its way. A frame of another origin must not get what these headers open: it
could read it, where the server lets every origin read.
"""

from helios_worker.capture.devtools.cdp import EventTable, Message
from helios_worker.network.origin_headers import OriginHeaders

STRAYED_KEPT = 10_000


class HeaderSender:
    """For one page. headers: what the origin is sent."""

    def __init__(self, headers: OriginHeaders) -> None:
        self.headers = headers
        self.stray_page = ""
        """Where a redirect has led the page itself, if that is another origin."""
        self._parents: dict[str, str] = {}
        self._foreign: set[str] = set()  # frames whose document is of another origin
        self._shown: set[str] = set()  # frames that have shown a document
        self._strayed: set[str] = set()  # requests, by their redirects, that have been elsewhere and may be led back

    @property
    def events(self) -> EventTable:
        """Handlers of the browser's events."""
        return {
            "Page.frameAttached": self._on_attached,
            "Page.frameNavigated": self._on_navigated,
            "Page.frameDetached": self._on_detached,
            "Runtime.executionContextCreated": self._on_context,
        }

    def is_for(self, paused: Message) -> bool:
        """Whether a request that the browser holds gets them. Each request is asked about once, before it is sent.

        paused: Fetch.requestPaused of the DevTools protocol.
        """
        frame, hop = paused.get("frameId", ""), paused.get("redirectedRequestId", "")
        goes_home = self.headers.belong_to(paused["request"]["url"])
        if not goes_home and paused.get("resourceType") == "Document":
            self._foreign.add(frame)  # here, before the document can ask for anything
            if hop and frame not in self._parents:
                self.stray_page = paused["request"]["url"]
        if not goes_home or (hop and (hop in self._strayed or len(self._strayed) >= STRAYED_KEPT)):
            if len(self._strayed) < STRAYED_KEPT:
                self._strayed.add(paused["requestId"])
            return False
        return not self._may_be_foreign(frame)

    def _may_be_foreign(self, frame: str) -> bool:
        """Whether a request may come from a document of another origin. Of a worker's, the browser names no frame."""
        if frame in self._parents or frame in self._shown:
            return self._is_foreign(frame)
        return bool(self._foreign)

    def _is_foreign(self, frame: str) -> bool:
        """Whether a frame, or one that it is in, shows a document of another origin."""
        seen: set[str] = set()
        while frame and frame not in seen:
            if frame in self._foreign:
                return True
            seen.add(frame)
            frame = self._parents.get(frame, "")
        return False

    def _on_attached(self, params: Message) -> None:
        self._parents[params["frameId"]] = params["parentFrameId"]

    def _on_navigated(self, params: Message) -> None:
        frame = params["frame"]
        self._shown.add(frame["id"])
        # What has no address of its own, srcdoc for one, is its parent's; in a sandbox its context says otherwise.
        self._note(frame["id"], frame["url"].startswith("about:") or self.headers.belong_to(frame["url"]))

    def _on_context(self, params: Message) -> None:
        context = params["context"]
        about = context.get("auxData", {})
        if about.get("isDefault") and about.get("frameId") and not context.get("origin", "").startswith("about:"):
            self._note(about["frameId"], self.headers.belong_to(context.get("origin", "")))

    def _note(self, frame: str, is_own: bool) -> None:
        if is_own:
            self._foreign.discard(frame)
        else:
            self._foreign.add(frame)

    def _on_detached(self, params: Message) -> None:
        if params.get("reason") != "swap":
            self._parents.pop(params["frameId"], None)
            self._foreign.discard(params["frameId"])
            self._shown.discard(params["frameId"])
