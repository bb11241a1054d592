"""Connects to a host by its name: resolved once, checked, and connected to one of the addresses that were checked.

A name that answers otherwise the next time (DNS rebinding) therefore gains nothing. Where the way to the web is another
proxy (see `upstream`), that one looks names up: only addresses and the names of metadata services are checked here.
"""

import errno
import re
import socket
import ssl
import time
from ipaddress import ip_address

from helios_worker.errors import NetworkTrouble
from helios_worker.network.addresses import AddressRule, is_near, plain_name
from helios_worker.network.upstream import Upstream, upstream_for

CONNECT_SECONDS = 20.0
LOCAL_ADDRESSES = ("::1", "127.0.0.1")
_NAME = re.compile(r"[a-z0-9_.-]{1,255}")
_WORDS = {
    errno.ECONNREFUSED: "nothing listens there (connection refused)",
    errno.EHOSTUNREACH: "there is no way to its address",
    errno.ENETUNREACH: "there is no way to its address",
    errno.ECONNRESET: "the connection was cut",
    errno.EPIPE: "the connection was cut",
    errno.ETIMEDOUT: "no answer in time",
}


def addresses_of(host: str) -> list[str]:
    """The addresses of a host, in the order in which to try them, without scope.

    Raises:
        NetworkTrouble: it is not known, or the name server does not answer.
    """
    return _addresses(host)


def _addresses(host: str, flags: int = 0) -> list[str]:
    name = plain_name(host)
    if name == "localhost" or name.endswith(".localhost"):  # as browsers do, whatever the resolver knows
        return list(LOCAL_ADDRESSES)
    try:
        found = socket.getaddrinfo(host.encode("ascii"), None, type=socket.SOCK_STREAM, flags=flags)
    except socket.gaierror as error:
        passing = error.errno == socket.EAI_AGAIN
        raise NetworkTrouble("the name server does not answer" if passing else "its name is not known") from None
    except (ValueError, OSError):  # ValueError: also UnicodeError, of a name that no host can have
        raise NetworkTrouble("its name is not known") from None
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


def _known_addresses(name: str) -> list[str]:
    """The addresses of a host that need no name server: of this machine's names, and of an address in any spelling."""
    try:
        return _addresses(name, socket.AI_NUMERICHOST)
    except NetworkTrouble:
        return []


def connect(host: str, port: int, rule: AddressRule, *, seconds: float = CONNECT_SECONDS) -> socket.socket:
    """A connection to a host, blocking and without a time limit of its own.

    host: a name, or an address in any spelling.

    Raises:
        AddressForbidden: one of its addresses may not be reached.
        UserError: a proxy is in the way that does not let this connection through.
        NetworkTrouble: no connection could be made now.
    """
    end = time.monotonic() + seconds
    name = plain_name(host)
    known = _known_addresses(name)
    rule.check(host, port, known)  # the names of metadata services, too, whether or not they are known here
    if known or _NAME.fullmatch(name):  # another text could say more to a proxy than a host
        target = known[0] if known else name
        upstream = None if any(is_near(address) for address in known) else upstream_for(target, port)
        if upstream is not None:
            return _tunnel(upstream, target, port, end)
    addresses = known or addresses_of(host)
    rule.check(host, port, addresses)
    return _reach(addresses, port, end)


def _tunnel(upstream: Upstream, host: str, port: int, end: float) -> socket.socket:
    """A connection that leads to a host through the proxy; the proxy itself may be at any address."""
    try:
        connection = _reach(addresses_of(upstream.host), upstream.port, end)
    except NetworkTrouble as trouble:
        raise NetworkTrouble(f"{upstream} cannot be reached: {trouble.message}") from None
    try:
        upstream.tunnel(connection, host, port, end=end)
        connection.settimeout(None)
    except OSError as error:
        connection.close()
        raise NetworkTrouble(f"{upstream} failed: {trouble_of(error).message}") from None
    except BaseException:
        connection.close()
        raise
    return connection


def _reach(addresses: list[str], port: int, end: float) -> socket.socket:
    """A connection to the first address that takes it."""
    trouble = NetworkTrouble("its name has no address")
    for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        family = socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6
        try:
            connection = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # a kernel without IPv6
            trouble = trouble_of(error)
            continue
        try:
            connection.settimeout(max(0.1, (end - time.monotonic()) / left))
            connection.connect((address, port))
            connection.settimeout(None)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        except OSError as error:
            connection.close()
            trouble = trouble_of(error)
    raise trouble


def trouble_of(error: OSError) -> NetworkTrouble:
    """What an error of a connection means, in words."""
    if isinstance(error, TimeoutError):
        return NetworkTrouble(_WORDS[errno.ETIMEDOUT])
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return NetworkTrouble(_WORDS[errno.ECONNRESET])
    return NetworkTrouble(_WORDS.get(error.errno or 0, error.strerror or str(error)))
