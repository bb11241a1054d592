"""Which failures of a web server, or of the way to it, pass: another attempt may succeed.

Other failures are the page's: a file that is not there (404), that nobody may read (401, 403), a server's defect (500),
a certificate that is not valid.
"""

from collections.abc import Mapping
from types import MappingProxyType

STATUSES = frozenset({408, 425, 429, 502, 503, 504, *range(520, 525)})
"""HTTP statuses: too slow, too early, too many requests, a gateway without a server; 520 to 524 are Cloudflare's."""

_CUT = "the connection was cut"
_HALF = "the connection was cut before the end of the file"
_SLOW = "no answer in time"
_AWAY = "no connection could be made"
_CHANGED = "this machine's network changed meanwhile"

CHROME_ERRORS: Mapping[str, str] = MappingProxyType(
    {
        "net::ERR_NETWORK_CHANGED": _CHANGED,  # when an interface or address appears or disappears, even for loopback
        "net::ERR_NETWORK_IO_SUSPENDED": _CHANGED,
        "net::ERR_INTERNET_DISCONNECTED": "this machine has no network",
        "net::ERR_CONNECTION_RESET": _CUT,
        "net::ERR_CONNECTION_CLOSED": _CUT,
        "net::ERR_CONNECTION_ABORTED": _CUT,
        "net::ERR_SOCKET_NOT_CONNECTED": _CUT,
        "net::ERR_EMPTY_RESPONSE": "the server closed the connection without an answer",
        "net::ERR_CONTENT_LENGTH_MISMATCH": _HALF,
        "net::ERR_INCOMPLETE_CHUNKED_ENCODING": _HALF,
        "net::ERR_RESPONSE_HEADERS_TRUNCATED": _HALF,
        "net::ERR_HTTP2_PROTOCOL_ERROR": _CUT,
        "net::ERR_HTTP2_SERVER_REFUSED_STREAM": _CUT,
        "net::ERR_HTTP2_PING_FAILED": _CUT,
        "net::ERR_CONNECTION_TIMED_OUT": _SLOW,
        "net::ERR_TIMED_OUT": _SLOW,
        "net::ERR_CONNECTION_REFUSED": _AWAY,
        "net::ERR_CONNECTION_FAILED": _AWAY,
        "net::ERR_ADDRESS_UNREACHABLE": _AWAY,
        "net::ERR_SOCKS_CONNECTION_FAILED": _AWAY,
        "net::ERR_SOCKS_CONNECTION_HOST_UNREACHABLE": _AWAY,
        "net::ERR_PROXY_CONNECTION_FAILED": _AWAY,
        "net::ERR_NAME_NOT_RESOLVED": _AWAY,
        "net::ERR_NAME_RESOLUTION_FAILED": _AWAY,
    }
)
"""Chrome's error texts, and what they mean. Of a connection that could not be made, the proxy knows more."""

REMEDY = "another attempt may succeed; if none does, check the address and its server"


def status_text(status: int) -> str:
    """What an answer with a passing status means, for a message."""
    return f"the server answered {status}" + (" (too many requests)" if status == 429 else "")
