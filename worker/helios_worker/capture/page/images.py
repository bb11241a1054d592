"""The images of a page that move by themselves: animated ones are drawn in step, animated SVG documents are refused.

The compositor moves an animated image (GIF, WebP, APNG, AVIF) on by the times of the frames that it draws. An SVG
document as an image has a clock of its own in the browser, which ticks in real time and which nothing outside reaches.
"""

import asyncio
import base64
from collections.abc import Collection
from urllib.parse import unquote_to_bytes

from helios_worker.capture.devtools.cdp import BrowserGone, CommandRefused, EventTable, Message
from helios_worker.capture.devtools.session import Session
from helios_worker.capture.faults import PageError
from helios_worker.capture.messages import plain
from helios_worker.capture.moving_images import HEAD, animated_type, svg_moves
from helios_worker.capture.page.network import Network
from helios_worker.capture.page.suspects import file_key

ANIMATED_TYPES = frozenset({"image/gif", "image/webp", "image/apng", "image/avif"})
SVG = "image/svg+xml"
LOOKED_AT = 4 << 20
MOST = 500


class Images:
    """The images that a page and its frames have loaded so far.

    network: is told of images that may have several pictures. Their page is drawn at every frame, captured or not,
    since such an image begins with the first drawing that it is in.
    moving_svgs: keys of the addresses of the SVG documents among them that move.
    """

    def __init__(self, session: Session, network: Network) -> None:
        self.moving_svgs: dict[str, None] = {}
        self._session = session
        self._network = network
        self._awaited: dict[str, str] = {}  # addresses of SVG documents that are arriving, by the request's number
        self._looks: set[asyncio.Task[None]] = set()

    @property
    def events(self) -> EventTable:
        """Handlers of the browser's events."""
        return {
            "Network.requestWillBeSent": self._on_request,
            "Network.responseReceived": self._on_response,
            "Network.loadingFinished": self._on_finished,
        }

    async def looked_at(self) -> None:
        """Waits until every SVG document that has arrived has been looked at."""
        while self._looks:
            await asyncio.wait(self._looks)

    def _on_request(self, params: Message) -> None:
        url = params["request"]["url"]
        if params.get("type") != "Image" or not url.startswith("data:"):
            return
        kind, _, text = url.partition(",")
        if kind[5:].partition(";")[0].strip().lower() == SVG:
            self._consider(url, _data(kind, text[:LOOKED_AT]).decode(errors="replace"))
        elif animated_type(_data(kind, text[: 2 * HEAD])):
            self._network.has_animated_images = True

    def _on_response(self, params: Message) -> None:
        kind = params["response"].get("mimeType")
        if kind in ANIMATED_TYPES:
            self._network.has_animated_images = True
        url = params["response"]["url"]
        is_file = params.get("type") == "Image" and not url.startswith("data:")
        if kind == SVG and is_file and len(self._awaited) < MOST:
            self._awaited[params["requestId"]] = file_key(url)

    def _on_finished(self, params: Message) -> None:
        url = self._awaited.pop(params["requestId"], None)
        if url is not None and url not in self.moving_svgs:
            task = asyncio.create_task(self._look(params["requestId"], url))
            self._looks.add(task)
            task.add_done_callback(self._looks.discard)

    async def _look(self, number: str, url: str) -> None:
        try:
            reply = await self._session.command("Network.getResponseBody", {"requestId": number})
        except (BrowserGone, CommandRefused):
            return  # the page no longer has it, or has ended
        body = reply["body"]
        text = base64.b64decode(body).decode(errors="replace") if reply.get("base64Encoded") else body
        self._consider(url, text[:LOOKED_AT])

    def _consider(self, url: str, svg: str) -> None:
        if svg_moves(svg) and len(self.moving_svgs) < MOST:
            self.moving_svgs[file_key(url)] = None
        if "data:image/" in svg:  # which may be one of several pictures
            self._network.has_animated_images = True


def refusal(frame: int, shown: Collection[str]) -> PageError:
    """Why a page that shows these moving SVG documents as images cannot be rendered."""
    first = next(iter(shown))
    name = "an SVG in a data: URL" if first.startswith("data:") else plain(first)
    return PageError(
        f"frame {max(frame, 0)}: {name} is an animated SVG used as an image, which the browser moves by a clock of its "
        "own in real time",
        remedy='put it into the page as inline <svg>, or show it by <object data="…">, which follow the film\'s time',
    )


def _data(kind: str, text: str) -> bytes:
    """What a data: URL holds, or its beginning. kind: what comes before the comma."""
    raw = unquote_to_bytes(text)
    if not kind.rstrip().lower().endswith(";base64"):
        return raw
    raw = b"".join(raw.split())
    try:
        return base64.b64decode(raw[: len(raw) // 4 * 4])
    except ValueError:
        return b""
