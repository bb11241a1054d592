"""The videos and sounds of a page: which did not come, and which came and cannot be played."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from helios_worker.capture.devtools.cdp import EventTable, Message
from helios_worker.capture.faults import PageError
from helios_worker.capture.messages import URL_KEPT, plain
from helios_worker.capture.page.console import Console
from helios_worker.capture.page.load_failures import Unreachable, load_failure
from helios_worker.capture.page.notes import Unplayable
from helios_worker.errors import HeliosError, NetworkTrouble

FILES_KEPT = 1000

CONVERT = "to convert it: ffmpeg -i FILE -c:v libx264 -pix_fmt yuv420p -c:a aac NEW.mp4"

NO_PICTURES = "0 no pictures"
_UNKNOWN = "the browser cannot play it"
_NO_SOURCE = "the browser can play none of these files"
_SOUND_ONLY = "the browser cannot decode its pictures, only its sound (it has no HEVC, ProRes or MPEG-4 Part 2)"
_NO_TRACKS = "the browser can decode nothing in it (it has no HEVC, ProRes or MPEG-4 Part 2)"
_BY_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "none of its sources": _NO_SOURCE,
        "no pictures": _SOUND_ONLY,
        "NO_SUPPORTED_STREAMS": _NO_TRACKS,
        "COULD_NOT_OPEN": "it is no video or sound that browsers know, or it is incomplete",
        "COULD_NOT_PARSE": "it is damaged or incomplete",
        "URL safety check": "a Content-Security-Policy or the browser itself forbids its address",
        "Empty src": "its address is empty",
    }
)
_BY_CODE: Mapping[str, str] = MappingProxyType({"2": "it stopped coming", "3": "it is damaged or incomplete"})
_NOT_BY_ITS_FORMAT = ("URL safety check", "Empty src")
_VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi")


class MediaFiles:
    """The requests for videos and sounds. No frame waits for them as a whole: the browser asks for the parts it needs.

    It also asks again where a connection broke, so that one failed request is no error yet. An element that cannot be
    played is one, and then the last request says why.
    """

    def __init__(self, console: Console, unreachable: Unreachable) -> None:
        self._console = console
        self._unreachable = unreachable
        self._under_way: dict[str, str] = {}  # URLs by the request's number
        self._answered: set[str] = set()  # numbers of those under way that an answer has begun for
        self._failures: dict[str, HeliosError] = {}  # of the last request for each URL, if it failed
        self._sounds: set[str] = set()  # URLs of files that are sounds by their type
        self._refused: set[str] = set()  # URLs that were answered with an error, which `Network` has noted

    @property
    def unanswered(self) -> list[str]:
        """URLs of requests that no answer has begun for."""
        return [url for number, url in self._under_way.items() if number not in self._answered]

    def note(self, fault: Unplayable) -> None:
        """Notes an element that cannot be played, unless the page deals with that itself."""
        addresses = [_file(url) for url in fault.addresses]
        if fault.reason == NO_PICTURES and not self._should_have_pictures(addresses[0]):
            return
        if any(url in self._refused for url in addresses):
            return
        broken = next((self._failures[url] for url in addresses if url in self._failures), None)
        # What the network failed to bring may come another time, and no page makes up for that.
        if not fault.is_handled or isinstance(broken, NetworkTrouble):
            self._console.note_failure(broken or unplayable(addresses, fault.reason))

    def _should_have_pictures(self, url: str) -> bool:
        return url not in self._sounds and url.partition("?")[0].lower().endswith(_VIDEO_SUFFIXES)

    @property
    def events(self) -> EventTable:
        """Handlers of the browser's events."""
        return {
            "Network.requestWillBeSent": self._on_request,
            "Network.responseReceived": self._on_response,
            "Network.loadingFinished": self._on_finished,
            "Network.loadingFailed": self._on_failed,
        }

    def _on_request(self, params: Message) -> None:
        if params.get("type") == "Media" and len(self._under_way) < FILES_KEPT:
            self._under_way[params["requestId"]] = _file(params["request"]["url"])

    def _on_response(self, params: Message) -> None:
        url = self._under_way.get(params["requestId"])
        if url is None:
            return
        self._answered.add(params["requestId"])
        self._failures.pop(url, None)
        if params["response"].get("mimeType", "").startswith("audio/") and len(self._sounds) < FILES_KEPT:
            self._sounds.add(url)
        if params["response"]["status"] >= 400 and len(self._refused) < FILES_KEPT:
            self._refused.add(url)

    def _on_finished(self, params: Message) -> None:
        self._under_way.pop(params["requestId"], None)
        self._answered.discard(params["requestId"])

    def _on_failed(self, params: Message) -> None:
        url = self._under_way.get(params["requestId"])
        self._on_finished(params)
        error = params.get("blockedReason") or params.get("errorText")
        if url is not None and error and not params.get("canceled") and len(self._failures) < FILES_KEPT:
            self._failures[url] = load_failure(url, error, self._unreachable)


def _file(url: str) -> str:
    return url.partition("#")[0][:URL_KEPT]


def unplayable(addresses: Sequence[str], reason: str) -> PageError:
    """The error of a video or sound that the browser got, and cannot play.

    reason: the browser's code of the error, and its words.

    >>> unplayable(["http://4f2a.composition.localhost/a.mov"], "4 DEMUXER_ERROR_NO_SUPPORTED_STREAMS").message[:20]
    'a.mov cannot be play'
    """
    code, _, words = reason.partition(" ")
    why = next((said for part, said in _BY_WORDS.items() if part in words), _BY_CODE.get(code, _UNKNOWN))
    said = "" if why in (_NO_SOURCE, _SOUND_ONLY) or not words else f" ({plain(words)})"
    remedy = "" if any(part in words for part in _NOT_BY_ITS_FORMAT) else f"; {CONVERT}"
    files = ", ".join(plain(url) for url in addresses) or "a video or sound"
    return PageError(f"{files} cannot be played: {why}{said}{remedy}")
