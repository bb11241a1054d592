"""What a page has loaded, or asked for, and the browser cannot show: it says so in its log, or nowhere.

A file that does not arrive is the network's matter (`network`). Here is what arrives and is no picture or no font, and
what the browser refuses to ask for or to use: by the page's own policy, for its type, or since it lies on the machine.
"""

import re

from helios_worker.capture.devtools.cdp import EventTable, Message
from helios_worker.capture.messages import LOOKED_AT, composition_path
from helios_worker.capture.page.clock_handles import ClockHandles
from helios_worker.capture.page.console import Console
from helios_worker.capture.page.load_failures import local_file_failure, short
from helios_worker.capture.page.served_files import ServedFiles

# How the fragment of the requests begins by which the clock checks images (clock/images.js).
IMAGE_CHECK = "#helios-image-check-"
# Images that are not asked about: a page with more of them, or longer data: URLs, is slow enough.
MOST_IMAGES = 10_000
LONGEST_ADDRESS = 1 << 18
# What is drawn as the mouse pointer, which no film shows, and has formats of its own.
POINTERS = (".cur", ".ani")
_LOCAL = "Not allowed to load local resource: "
_FONT = "Failed to decode downloaded font: "
_FONT_REASON = "OTS parsing error: "
# A policy's evaluation of strings is none of these: the page sees it fail, and may have tried.
_REFUSED = re.compile(
    r"(?!Evaluating |Compiling ).* violates the following Content Security Policy directive.* has been blocked\."
    r"|Refused to (?:apply style|execute script|display|load) .*"
    r"|Failed to load module script: .*"
    r"|Failed to find a valid digest in the 'integrity' attribute .*"
    r"|.* has been blocked because the integrity cannot be enforced\.",
    re.DOTALL,
)


class Unshown:
    """Notes for one page what it cannot show. The console has the notes.

    files: of its composition; None where it is on the network.
    """

    def __init__(self, console: Console, handles: ClockHandles, files: ServedFiles | None) -> None:
        self._files = files
        self._console = console
        self._handles = handles
        self._own = f"{IMAGE_CHECK}{handles.secret[:8]}"
        self._main_frame = ""
        self._images: dict[str, str] = {}  # addresses by the number of their unanswered request
        self._arrived: list[str] = []
        self._known: set[int] = set()  # hashes of addresses, which may be long
        self._fonts: list[str] = []  # those that were refused and whose reason follows

    async def check(self) -> None:
        """Notes what has come since the last time and cannot be shown. Costs nothing where nothing has come."""
        while self._fonts:
            self._refuse_font("")
        if not self._arrived:
            return
        addresses, self._arrived = self._arrived, []
        found = await self._handles.call("undecodable", addresses)
        failed = dict.fromkeys(map(str, found)) if isinstance(found, list) else {}
        for address in failed:
            self.note_undecodable(address)
        for address in addresses:
            if address not in failed and await self._ends_early(address):
                self._console.complain(f"{short(address)} cannot be shown whole: the file ends before its picture does")

    def note_undecodable(self, address: str) -> None:
        """Notes an image that the browser cannot decode, unless a policy of the page kept it from it."""
        if any(f"'{short(address)}' violates" in line for line in self._console.errors):
            return
        self._console.complain(
            f"{short(address)} cannot be shown: it is no picture that browsers can decode, or it is damaged"
        )

    async def _ends_early(self, address: str) -> bool:
        path = composition_path(address)
        return self._files is not None and path is not None and await self._files.ends_early(path)

    @property
    def events(self) -> EventTable:
        """Handlers of the browser's events."""
        return {
            "Page.frameNavigated": self._on_navigated,
            "Network.requestWillBeSent": self._on_request,
            "Network.responseReceived": self._on_response,
            "Network.loadingFinished": self._on_finished,
            "Network.loadingFailed": self._on_failed,
            "Log.entryAdded": self._on_log,
        }

    def _on_navigated(self, params: Message) -> None:
        if not params["frame"].get("parentId"):
            self._main_frame = params["frame"]["id"]
            self._arrived.clear()

    def _on_request(self, params: Message) -> None:
        request, number = params["request"], params["requestId"]
        if params.get("type") != "Image" or "redirectResponse" in params or self.is_own(params):
            return
        address = request["url"]
        if len(address) > LONGEST_ADDRESS or hash(address) in self._known or len(self._known) >= MOST_IMAGES:
            return
        if self._can_be_checked(address, params):
            self._images[number] = address

    def is_own(self, params: Message) -> bool:
        """Whether a request is one of those by which images are checked."""
        return str(params["request"].get("urlFragment", "")).endswith(self._own)

    def _can_be_checked(self, address: str, params: Message) -> bool:
        """Whether the page's own document can ask for an image again and be answered the same, without the network."""
        scheme, _, rest = address.partition(":")
        if rest.split("?")[0].lower().endswith(POINTERS):
            return False
        if scheme == "data" or composition_path(address) is not None:
            return True
        # A blob's name may be revoked by now. What was asked for with other headers is another answer.
        asked = {name.lower() for name in params["request"].get("headers", {})}
        return scheme in ("http", "https") and params.get("frameId") == self._main_frame and "origin" not in asked

    def _on_response(self, params: Message) -> None:
        if params["response"]["status"] >= 400:
            self._images.pop(params["requestId"], None)

    def _on_finished(self, params: Message) -> None:
        address = self._images.pop(params["requestId"], None)
        if address is not None and hash(address) not in self._known:
            self._known.add(hash(address))
            self._arrived.append(address)

    def _on_failed(self, params: Message) -> None:
        self._images.pop(params["requestId"], None)

    def _on_log(self, params: Message) -> None:
        entry = params["entry"]
        text = _shortened(str(entry["text"]))
        if text.startswith(_LOCAL):
            self._console.complain(local_file_failure(text.removeprefix(_LOCAL).strip()).message)
        elif text.startswith(_FONT):
            self._fonts.append(text.removeprefix(_FONT).strip())
        elif text.startswith(_FONT_REASON) and self._fonts:
            self._refuse_font(text.removeprefix(_FONT_REASON).strip())
        elif entry["level"] == "error" and _REFUSED.fullmatch(text):
            # Its line is the parser's, which may be further on by then.
            self._console.complain(text.strip())
        else:
            self._console.note_log(entry)

    def _refuse_font(self, reason: str) -> None:
        why = f" ({reason})" if reason else ""
        self._console.complain(
            f"{short(self._fonts.pop(0))} cannot be used: it is no font that browsers can read, or it is damaged{why}"
        )


def _shortened(text: str) -> str:
    """A line of the browser's log, which may hold a text of the page of any length; begin and end say what it is."""
    return text if len(text) <= LOOKED_AT else f"{text[: LOOKED_AT // 2]}…{text[-LOOKED_AT // 2 :]}"
