"""Whose fault it is that a file of a page did not load: the page's, or for now the network's."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from urllib.parse import urlsplit

from helios_worker.capture.faults import PageError
from helios_worker.capture.messages import is_foreign, plain
from helios_worker.errors import HeliosError, NetworkTrouble, UserError
from helios_worker.network.passing import CHROME_ERRORS, REMEDY, STATUSES, status_text

Unreachable = Callable[[str, int], HeliosError | None]
"""From a host and port to the reason for which no connection could be made there lately."""

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "net::ERR_UNSAFE_PORT": "browsers open nothing at this port",
        "net::ERR_CERT_AUTHORITY_INVALID": "no authority that this machine trusts has signed its certificate",
        "net::ERR_CERT_COMMON_NAME_INVALID": "its certificate is for another name",
        "net::ERR_CERT_DATE_INVALID": "its certificate has expired, or is not valid yet",
        "net::ERR_SSL_PROTOCOL_ERROR": "the server does not speak TLS",
    }
)


def status_failure(url: str, status: int) -> HeliosError:
    """A file that was answered with an error status."""
    if status in STATUSES:
        return NetworkTrouble(f"{plain(url)} could not be loaded: {status_text(status)}", remedy=REMEDY)
    if status == HTTPStatus.NOT_IMPLEMENTED and not is_foreign(url):
        return PageError(
            f"{plain(url)} could not be loaded: the page's folder is only read, and nothing there answers a POST",
            remedy="send such requests to a server, or put their answers beside the page",
        )
    if status != HTTPStatus.NOT_FOUND:
        return PageError(f"{plain(url)} could not be loaded: the server answered {status}")
    where = "" if is_foreign(url) else ": only the page's folder is served"
    return PageError(f"{plain(url)} not found (404){where}")


def load_failure(url: str, error: str, unreachable: Unreachable) -> HeliosError:
    """A file that was not answered, or not to the end.

    error: Chrome's text, such as net::ERR_CONNECTION_RESET.
    """
    reason = _reason(url, unreachable) if CHROME_ERRORS.get(error) else None
    if isinstance(reason, UserError):
        return type(reason)(f"{plain(url)} could not be loaded: {reason.message}", remedy=reason.remedy)
    if error not in CHROME_ERRORS:
        return PageError(f"{plain(url)} could not be loaded: {in_words(error)}")
    why = reason.message if reason is not None else CHROME_ERRORS[error]
    return NetworkTrouble(f"{plain(url)} could not be loaded: {why}", remedy=REMEDY)


def in_words(error: str) -> str:
    """Chrome's text of an error that does not pass, with what it means where that is known."""
    return f"{_WORDS[error]} ({error})" if error in _WORDS else error


def _reason(url: str, unreachable: Unreachable) -> HeliosError | None:
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "wss": 443}.get(parts.scheme, 80)
    except ValueError:
        return None
    return unreachable(parts.hostname or "", port)
