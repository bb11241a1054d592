"""The proxy between this machine and the web, where there is one, as behind many companies' firewalls.

HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY name it, as `urllib.request` reads them. Connections are tunnelled
through it (CONNECT, RFC 9110 9.3.6), so it looks the names up, and only it can check the addresses behind them.
"""

import base64
import errno
import re
import socket
import time
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from helios_worker.errors import NetworkTrouble, UserError
from helios_worker.network.passing import STATUSES

DEFAULT_PORT = 80
MAX_ANSWER = 1 << 16
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: |\r\n)")


@dataclass(frozen=True)
class Upstream:
    """A proxy that tunnels connections.

    variable: what names it, for messages. login: the value of its Proxy-Authorization header, or "".
    """

    host: str
    port: int
    variable: str
    login: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"the proxy {self.host}:{self.port} of {self.variable}"

    def tunnel(self, connection: socket.socket, host: str, port: int, *, end: float) -> None:
        """Has a connection to the proxy lead on to a host.

        host: a name of ASCII letters, digits, hyphens, dots and underscores, or an address.
        end: when to give up, of time.monotonic().

        Raises:
            UserError: the proxy lets nobody connect there, or wants another login.
            NetworkTrouble: it cannot connect there now, or its answer is not HTTP.
            OSError: the connection to it fails.
        """
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        login = f"Proxy-Authorization: {self.login}\r\n" if self.login else ""
        connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{login}\r\n".encode("ascii"))
        status = self._status(_head(connection, end))
        if status in range(200, 300):
            return
        if status == 407:
            raise UserError(
                f"{self} asks for a login (407)",
                remedy=f"write it into the variable: {self.variable}=http://USER:PASSWORD@{self.host}:{self.port}",
            )
        text = f"{self} answered {status} when asked for {target}"
        if status in STATUSES or status >= 500:
            raise NetworkTrouble(text)
        raise UserError(
            f"{text}: it does not let this connection through",
            remedy="use another address, have the proxy's owner allow it, or name the host in NO_PROXY if it can be "
            "reached without the proxy",
        )

    def _status(self, head: bytes) -> int:
        match = _STATUS.match(head)
        if match is None:
            raise NetworkTrouble(f"the answer of {self} is not HTTP")
        return int(match[1])


def upstream_for(host: str, port: int) -> Upstream | None:
    """The proxy that this machine's environment names for a host, if any.

    Port 80 is HTTP_PROXY's; every other port is HTTPS_PROXY's, or HTTP_PROXY's where only that is set. ALL_PROXY holds
    where neither is set.

    Raises:
        UserError: the variable does not name an HTTP proxy.
    """
    proxies = getproxies()
    kinds = ("http", "all") if port == 80 else ("https", "http", "all")
    kind = next((kind for kind in kinds if kind in proxies), None)
    if kind is None or proxy_bypass(f"[{host}]:{port}" if ":" in host else f"{host}:{port}"):
        return None
    return _parsed(proxies[kind], f"{kind.upper()}_PROXY")


def _parsed(text: str, variable: str) -> Upstream:
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port or DEFAULT_PORT
    except ValueError:
        host, port, parts = None, 0, urlsplit("")
    if parts.scheme != "http" or not host:  # the text may hold a password: no message shows it
        raise UserError(
            f"{variable} does not name an HTTP proxy",
            remedy=f"write it as {variable}=http://HOST:PORT; proxies of other kinds (https, socks5) are not supported",
        )
    login = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        login = f"Basic {base64.b64encode(pair).decode()}"
    return Upstream(host, port, variable, login)


def _head(connection: socket.socket, end: float) -> bytes:
    """An answer as far as its empty line; not a byte more, since what follows is the host's."""
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        connection.settimeout(max(0.1, end - time.monotonic()))
        byte = connection.recv(1)
        if not byte:
            raise ConnectionResetError(errno.ECONNRESET, "closed")
        head += byte
        if len(head) > MAX_ANSWER or time.monotonic() > end:
            raise TimeoutError
    return bytes(head)
