"""What a page has loaded, or asked for, and the browser cannot show: it says so in its log, or nowhere.

A file that does not arrive is the network's matter (`network`). Here is what arrives and is no picture or no font, and
what the browser refuses to ask for or to use: by the page's own policy, for its type, or since it lies on the machine.
"""

import asyncio
import re
from collections.abc import Sequence

from helios_worker.capture.devtools.cdp import EventTable, Message
from helios_worker.capture.faults import PageError
from helios_worker.capture.messages import FONTS_HOST, LOOKED_AT, composition_path, plain
from helios_worker.capture.page.clock_handles import ClockHandles
from helios_worker.capture.page.console import Console
from helios_worker.capture.page.load_failures import local_file_failure, short
from helios_worker.capture.page.served_files import ServedFiles
from helios_worker.capture.page.suspects import Suspect, Suspects, file_key, undecodable
from helios_worker.capture.truncated import data_is_truncated

# How the fragment of the requests begins by which the clock checks images (clock/images.js).
IMAGE_CHECK = "#helios-image-check-"
# How many images are remembered as looked at.
MOST_IMAGES = 10_000
# Longer data: URLs are not decoded once more.
LONGEST_ADDRESS = 1 << 18
LONGEST_NAME = 200
# What is drawn as the mouse pointer, which no film shows, and has formats of its own.
POINTERS = (".cur", ".ani")
_LOCAL = "Not allowed to load local resource: "
_FONT = "Failed to decode downloaded font: "
_FONT_REASON = "OTS parsing error: "
# A policy's evaluation of strings is none of these: the page sees it fail, and may have tried. What a server keeps from
# frames is the network's matter: its request tells which frame it was for.
_REFUSED = re.compile(
    r"(?!Evaluating |Compiling |Framing [^\"]*\"frame-ancestors)"
    r".* violates the following Content Security Policy directive.* has been blocked\.\s*"
    r"|Refused to (?:apply style|execute script|load) .*"
    r"|Failed to load module script: .*"
    r"|Failed to find a valid digest in the 'integrity' attribute .*"
    r"|.* has been blocked because the integrity cannot be enforced\.",
    re.DOTALL,
)

# Of what the page does not ask for itself.
_LENT = f"'http://{FONTS_HOST}/"
_NOT_LENT = (
    "the page's Content-Security-Policy (connect-src or font-src) does not allow the fonts that the worker has for "
    "compositions, and it is drawn without them: put the fonts that it names beside the page, and declare them"
)
_BLOCKED = re.compile(r"Loading the (image|script|stylesheet|font) '([^']*)' violates")
_KINDS = {"image": "Image", "script": "Script", "stylesheet": "Stylesheet", "font": "Font"}


class Unshown:
    """Notes for one page what it cannot show.

    files: of its composition; None where it is on the network.
    """

    def __init__(self, console: Console, handles: ClockHandles, suspects: Suspects, files: ServedFiles | None) -> None:
        self._files = files
        self._console = console
        self._handles = handles
        self._suspects = suspects
        self._fragment = f"{IMAGE_CHECK}{handles.secret[:8]}"
        self._main_frame = ""
        self._own: set[str] = set()  # numbers of the requests by which images are checked
        self._images: dict[str, str] = {}  # addresses by the number of their unanswered request
        self._fetched: set[str] = set()  # numbers of those among them that scripts asked for
        self._arrived: dict[str, str] = {}  # addresses by their keys
        self._named: set[str] = set()  # addresses of those that styles name
        self._taken: set[str] = set()  # addresses of images that scripts have got
        self._known: set[str] = set()  # keys of the images that have been looked at
        self._fonts: list[str] = []  # those that were refused and whose reason follows

    async def check_styles(self) -> None:
        """Notes the data: images of the page's styles that are none: of those the browser reports no request."""
        for answer in await self._handles.call_all("imagesInStyles"):
            for address in answer if isinstance(answer, list) else ():
                if isinstance(address, str) and file_key(address) not in self._known:
                    self._known.add(file_key(address))
                    self._arrived[file_key(address)] = address
                    self._named.add(address)

    async def check(self, *, again: bool = True) -> None:
        """Notes what has come since the last time and cannot be shown. Costs nothing where nothing has come.

        again: whether to ask once more for what failed and was hidden.
        """
        while self._fonts:
            self._refuse_font("")
        if self._arrived:
            arrived, self._arrived = self._arrived, {}
            await self._check_images(arrived)
        while self._taken:
            await self._note_cut(self._taken.pop())
        await self._suspects.check(again=again)

    async def _check_images(self, arrived: dict[str, str]) -> None:
        answers = await self._handles.call_all("imageStates", list(arrived))
        states = [_state(answers, number) for number in range(len(arrived))]
        untold = [address for address, state in zip(arrived.values(), states, strict=True) if not state]
        untold = [address for address in untold if len(address) <= LONGEST_ADDRESS]
        failed = await self._handles.call("undecodable", untold) if untold else []
        failed = {str(each) for each in failed} if isinstance(failed, list) else set()
        for address, state in zip(arrived.values(), states, strict=True):
            if state == "failed" or address in failed:
                self.note_undecodable(address)
            else:
                await self._note_cut(address)
        self._named.clear()

    def note_undecodable(self, address: str) -> None:
        """Notes an image that the browser cannot decode. What kept it from that was noted before."""
        self._suspects.add(undecodable(address, short(address), is_spare=address in self._named))

    async def _note_cut(self, address: str) -> None:
        """Notes an image whose end is missing."""
        path = composition_path(address)
        if address.startswith("data:"):
            is_cut = await asyncio.to_thread(data_is_truncated, address)
        else:
            is_cut = self._files is not None and path is not None and await self._files.ends_early(path)
        if is_cut:
            said = f"{short(address)} cannot be shown whole: the file ends before its picture does"
            self._suspects.add(Suspect(address, "Cut", PageError(said), is_spare=address in self._named))

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

    def is_own(self, method: str, params: Message) -> bool:
        """Whether an event tells of one of the requests by which images are checked, which are not the page's."""
        if not method.startswith("Network."):
            return False
        number = params.get("requestId", "")
        if method == "Network.requestWillBeSent" and params["request"].get("urlFragment", "").endswith(self._fragment):
            self._own.add(number)
        if number not in self._own:
            return False
        if method in ("Network.loadingFinished", "Network.loadingFailed"):
            self._own.discard(number)
        return True

    def _on_navigated(self, params: Message) -> None:
        if not params["frame"].get("parentId"):
            self._main_frame = params["frame"]["id"]
            self._arrived.clear()
            self._suspects.forget()

    def _on_request(self, params: Message) -> None:
        request, number = params["request"], params["requestId"]
        if params.get("type") != "Image" or "redirectResponse" in params:
            return
        if self._can_be_checked(request["url"], params):
            self._images[number] = request["url"]

    def _can_be_checked(self, address: str, params: Message) -> bool:
        """Whether the page's own document can ask for an image again and be answered the same, without the network."""
        scheme, _, rest = address.partition(":")
        if rest[-LONGEST_NAME:].split("?")[0].lower().endswith(POINTERS):
            return False
        if scheme == "data" or composition_path(address) is not None:
            return True
        # A blob's name may be revoked by now. What was asked for with other headers is another answer.
        asked = {name.lower() for name in params["request"].get("headers", {})}
        return scheme in ("http", "https") and params.get("frameId") == self._main_frame and "origin" not in asked

    def _on_response(self, params: Message) -> None:
        number, response = params["requestId"], params["response"]
        if response["status"] >= 400:
            self._images.pop(number, None)
        elif params.get("type") in ("Fetch", "XHR") and str(response.get("mimeType")).startswith("image/"):
            self._images[number] = response["url"]
            self._fetched.add(number)

    def _on_finished(self, params: Message) -> None:
        number = params["requestId"]
        address = self._images.pop(number, None)
        if address is None:
            return
        if number in self._fetched:
            self._fetched.discard(number)
            self._taken.add(address)
            return
        key = file_key(address)
        if key in self._known:
            return
        if len(self._known) >= MOST_IMAGES:
            self._known.clear()
        self._known.add(key)
        self._arrived[key] = address

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
        elif entry["level"] == "error" and _LENT in text and _REFUSED.fullmatch(text):
            self._console.remark(_NOT_LENT)
        elif entry["level"] == "error" and _REFUSED.fullmatch(text):
            # Its line is the parser's, which may be further on by then.
            blocked = _BLOCKED.match(text)
            if blocked is None:
                self._console.complain(text.strip())
            else:
                self._suspects.add(Suspect(blocked[2], _KINDS[blocked[1]], PageError(plain(text.strip()))))
        else:
            self._console.note_log(entry)

    def _refuse_font(self, reason: str) -> None:
        why = f" ({reason})" if reason else ""
        address = self._fonts.pop(0)
        said = f"{short(address)} cannot be used: it is no font that browsers can read, or it is damaged{why}"
        self._suspects.add(Suspect(address, "Font", PageError(said)))


def _state(answers: Sequence[object], number: int) -> str:
    """What the clocks' answers say of an image: its place in each answer is `number`."""
    told = [answer[number] for answer in answers if isinstance(answer, list) and number < len(answer)]
    return next((state for state in ("failed", "loaded") if state in told), "")


def _shortened(text: str) -> str:
    """A line of the browser's log, which may hold a text of the page of any length; begin and end say what it is."""
    return text if len(text) <= LOOKED_AT else f"{text[: LOOKED_AT // 2]}…{text[-LOOKED_AT // 2 :]}"
