"""The videos and sounds of a page: which did not come, and which came and cannot be played."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from helios_worker.capture.devtools.cdp import EventTable, Message
from helios_worker.capture.faults import PageError
from helios_worker.capture.messages import URL_KEPT, plain
from helios_worker.capture.page.console import Console
from helios_worker.capture.page.load_failures import Unreachable, failed_reason, load_failure, status_failure
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

    It also asks again where a connection broke, and for another file where one is missing, so that one failed request
    is no error yet. An element that cannot be played is one, and then the last request says why.

    explain_missing: why a file that was answered with an error status is not there, and the remedy.
    pictureless: what came from files of which the browser plays the sound alone; `media_tracks` finds out why.
    """

    def __init__(
        self, console: Console, unreachable: Unreachable, explain_missing: Callable[[str, int], tuple[str, str]]
    ) -> None:
        self.pictureless: list[Unplayable] = []
        self._console = console
        self._unreachable = unreachable
        self._explain_missing = explain_missing
        self._under_way: dict[str, str] = {}  # URLs by the request's number
        self._answered: set[str] = set()  # numbers of those under way that an answer has begun for
        self._failures: dict[str, HeliosError] = {}  # of the last request for each URL, if it failed
        self._sounds: set[str] = set()  # URLs of files that are sounds by their type

    @property
    def unanswered(self) -> list[str]:
        """URLs of requests that no answer has begun for."""
        return [url for number, url in self._under_way.items() if number not in self._answered]

    def note(self, fault: Unplayable) -> None:
        """Notes an element that cannot be played. It is no error where the page listens to those of the element."""
        addresses = [_file(url) for url in fault.addresses]
        if fault.reason == NO_PICTURES:
            if self._should_have_pictures(addresses[0]) and len(self.pictureless) < FILES_KEPT:
                self.pictureless.append(fault)
            return
        broken = next((self._failures[url] for url in addresses if url in self._failures), None)
        self._complain(fault, broken or unplayable(addresses, fault.reason))

    def note_undecodable(self, fault: Unplayable) -> None:
        """Notes one of `pictureless` that has pictures, which the browser cannot decode."""
        self._complain(fault, unplayable([_file(url) for url in fault.addresses], fault.reason))

    def _complain(self, fault: Unplayable, failure: HeliosError) -> None:
        # What the network failed to bring may come another time, and no page makes up for that.
        if not fault.is_handled or isinstance(failure, NetworkTrouble):
            self._console.note_failure(failure)
        else:
            self._console.warnings.add(f"{failure.message}; the page goes on, since it listens to such errors itself")

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
        is_new = "redirectResponse" not in params  # after a redirect, the element still names the first address
        if params.get("type") == "Media" and is_new and len(self._under_way) < FILES_KEPT:
            self._under_way[params["requestId"]] = _file(params["request"]["url"])

    def _on_response(self, params: Message) -> None:
        url = self._under_way.get(params["requestId"])
        if url is None:
            return
        self._answered.add(params["requestId"])
        self._failures.pop(url, None)
        if params["response"].get("mimeType", "").startswith("audio/") and len(self._sounds) < FILES_KEPT:
            self._sounds.add(url)
        status = params["response"]["status"]
        if status >= 400 and len(self._failures) < FILES_KEPT:
            self._failures[url] = status_failure(url, status, self._explain_missing(url, status))

    def _on_finished(self, params: Message) -> None:
        self._under_way.pop(params["requestId"], None)
        self._answered.discard(params["requestId"])

    def _on_failed(self, params: Message) -> None:
        url = self._under_way.get(params["requestId"])
        self._on_finished(params)
        error = failed_reason(params)
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
