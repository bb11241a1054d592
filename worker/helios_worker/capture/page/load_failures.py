"""Whose fault it is that a file of a page did not load: the page's, or for now the network's."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from helios_worker.capture.faults import PageError
from helios_worker.capture.messages import is_foreign, plain
from helios_worker.errors import HeliosError, NetworkTrouble, UserError
from helios_worker.network.passing import CHROME_ERRORS, REMEDY, STATUSES, status_text

DATA_QUOTED = 60
# Media types of documents that browsers show by themselves.
_SHOWN_PREFIXES = ("text/", "image/", "video/", "audio/", "multipart/")
_SHOWN_SUFFIXES = ("xml", "json", "javascript")
Unreachable = Callable[[str, int], HeliosError | None]
"""From a host and port to the reason for which no connection could be made there lately."""

_CORP = "its server does not let pages of other origins show it (Cross-Origin-Resource-Policy)"
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "net::ERR_UNSAFE_PORT": "browsers open nothing at this port",
        "net::ERR_CERT_AUTHORITY_INVALID": "no authority that this machine trusts has signed its certificate",
        "net::ERR_CERT_COMMON_NAME_INVALID": "its certificate is for another name",
        "net::ERR_CERT_DATE_INVALID": "its certificate has expired, or is not valid yet",
        "net::ERR_SSL_PROTOCOL_ERROR": "the server does not speak TLS",
        "net::ERR_BLOCKED_BY_ORB": "its server answers with something other than a picture, script or style",
        "csp": "the page's Content-Security-Policy does not allow it",
        "mixed-content": "a page at an https:// address may not load it from an http:// address",
        "integrity": "its content is not what the page's integrity attribute says",
        "origin": "the page's origin may not load it",
        "content-type": "its type is not what the page uses it as",
        "corp-not-same-origin": _CORP,
        "corp-not-same-site": _CORP,
        "corp-not-same-origin-after-defaulted-to-same-origin-by-coep": _CORP,
        "corp-not-same-origin-after-defaulted-to-same-origin-by-dip": _CORP,
        "coep-frame-resource-needs-coep-header": "the page's Cross-Origin-Embedder-Policy wants one of the frame, too",
        "net::ERR_TOO_MANY_REDIRECTS": "its server redirects it in a circle",
        "frame": "its server keeps it from the frames of other origins (X-Frame-Options or frame-ancestors)",
        "net::ERR_INSUFFICIENT_RESOURCES": "the page asks for more files at once than a browser takes on",
        "other": "browsers do not load it here",
    }
)


def status_failure(url: str, status: int, missing: tuple[str, str] = ("", "")) -> HeliosError:
    """A file that was answered with an error status. missing: why a composition's file is not there, and the remedy."""
    if status in STATUSES:
        return NetworkTrouble(f"{plain(url)} could not be loaded: {status_text(status)}", remedy=REMEDY)
    if status == HTTPStatus.NOT_IMPLEMENTED and not is_foreign(url):
        return PageError(
            f"{plain(url)} could not be loaded: the page's folder is only read, and nothing there answers a POST",
            remedy="send such requests to a server, or put their answers beside the page",
        )
    if status != HTTPStatus.NOT_FOUND:
        return PageError(f"{plain(url)} could not be loaded: the server answered {status}")
    said, remedy = missing
    return PageError(f"{plain(url)} not found (404)" + (f": {said}" if said else ""), remedy=remedy)


def load_failure(url: str, error: str, unreachable: Unreachable) -> HeliosError:
    """A file that was not answered, or not to the end.

    error: Chrome's text, such as net::ERR_CONNECTION_RESET.
    """
    reason = _reason(url, unreachable) if CHROME_ERRORS.get(error) else None
    if isinstance(reason, UserError):
        return type(reason)(f"{plain(url)} could not be loaded: {reason.message}", remedy=reason.remedy)
    if url.startswith("file:"):
        return local_file_failure(url)
    if error not in CHROME_ERRORS:
        return PageError(f"{short(url)} could not be loaded: {in_words(error)}")
    why = reason.message if reason is not None else CHROME_ERRORS[error]
    return NetworkTrouble(f"{plain(url)} could not be loaded: {why}", remedy=REMEDY)


def is_document(response: Mapping[str, Any]) -> bool:
    """Whether browsers show an answer in a frame, and do not save or forget it."""
    kind = response.get("mimeType", "")
    is_empty = response["status"] in (HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT)
    return is_empty or not kind or kind.endswith(_SHOWN_SUFFIXES) or kind.startswith(_SHOWN_PREFIXES)


def undisplayed(url: str, kind: str) -> PageError:
    """A file that a frame was to show, and that a film cannot show there. kind: its media type."""
    return PageError(
        f"{plain(url)} cannot be shown in a frame: a film has no viewer for files of the type {plain(kind)}",
        remedy="show it as pictures, or as a page",
    )


def local_file_failure(url: str) -> PageError:
    """A file of the machine, which a page asks for by a file:// address."""
    return PageError(
        f"{plain(url)} could not be loaded: a page cannot open file:// addresses; put the file into the page's folder "
        "and name it by a relative path"
    )


def failed_reason(params: Mapping[str, Any]) -> str:
    """Why a request failed, for load_failure; "" where the browser does not say.

    params: of the event Network.loadingFailed.
    """
    cors = params.get("corsErrorStatus")
    if cors:
        return f"CORS: {cors['corsError']}"
    return str(params.get("blockedReason") or params.get("errorText") or "")


def short(url: str) -> str:
    """An address for a message, as the author wrote it. Of a data: URL the start is enough."""
    return plain(url) if not url.startswith("data:") or len(url) <= DATA_QUOTED else plain(f"{url[:DATA_QUOTED]}…")


def in_words(error: str) -> str:
    """Chrome's text of an error that does not pass, with what it means where that is known."""
    if error.startswith("CORS: "):
        return f"its server does not let pages of other origins read it ({error})"
    return f"{_WORDS[error]} ({error})" if error in _WORDS else error


def _reason(url: str, unreachable: Unreachable) -> HeliosError | None:
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "wss": 443}.get(parts.scheme, 80)
    except ValueError:
        return None
    return unreachable(parts.hostname or "", port)
