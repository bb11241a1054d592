"""The proxy that all of the browsers' traffic goes through, so that one rule decides what a page may reach.

It speaks SOCKS 5 (RFC 1928): a browser sends it the name of a host, never looks one up itself, and then talks to the
host as without a proxy. HTTP, HTTPS, web sockets, redirects, certificates and HTTP/2 all stay the browser's own.
"""

import socket
import struct
import threading
from collections import OrderedDict
from contextlib import suppress

from helios_worker.errors import HeliosError
from helios_worker.network.addresses import AddressRule, plain_name
from helios_worker.network.connections import connect
from helios_worker.network.listener import Listener

FAILURES_KEPT = 1000
HELLO_SECONDS = 30.0
CHUNK = 1 << 16
VERSION, CONNECT, IPV4, DOMAIN, IPV6 = 5, 1, 1, 3, 4
DONE, UNREACHABLE, NO_SUCH_COMMAND = 0, 4, 7
RESET = struct.pack("ii", 1, 0)  # SO_LINGER with which closing a socket resets its connection


class Proxy(Listener):
    """A small server on loopback, two threads for each connection of the browsers.

    rule: what may be reached.
    """

    def __init__(self, rule: AddressRule) -> None:
        super().__init__("proxy")
        self.rule = rule
        self._failures: OrderedDict[tuple[str, int], HeliosError] = OrderedDict()

    def failure(self, host: str, port: int) -> HeliosError | None:
        """Why the last connection to a host could not be made: an AddressForbidden or a NetworkTrouble."""
        return self._failures.get((plain_name(host), port))

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, EOFError, RuntimeError):  # the browser has ended, or no thread is free
            connection.settimeout(HELLO_SECONDS)
            asked = _read_request(connection)
            if asked is None:
                return
            try:
                server = connect(*asked, self.rule)
            except HeliosError as error:
                self._note(asked, error)
                connection.sendall(_reply(UNREACHABLE))
                return
            with server:
                self._note(asked, None)
                connection.sendall(_reply(DONE))
                connection.settimeout(None)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                upwards = threading.Thread(target=_pass_on, args=(connection, server), name="proxy", daemon=True)
                upwards.start()
                _pass_on(server, connection)
                upwards.join()

    def _note(self, asked: tuple[str, int], failure: HeliosError | None) -> None:
        key = (plain_name(asked[0]), asked[1])
        self._failures.pop(key, None)
        if failure is not None:
            self._failures[key] = failure
            if len(self._failures) > FAILURES_KEPT:
                self._failures.popitem(last=False)


def _read_request(browser: socket.socket) -> tuple[str, int] | None:
    """The host and port that a browser wants; None where it wants something else.

    Raises:
        EOFError: the browser closed its connection.
    """
    version, methods = _read(browser, 2)
    if version != VERSION:
        return None
    _read(browser, methods)
    browser.sendall(bytes((VERSION, 0)))
    version, command, _, kind = _read(browser, 4)
    if version != VERSION or command != CONNECT or kind not in (IPV4, DOMAIN, IPV6):
        browser.sendall(_reply(NO_SUCH_COMMAND))
        return None
    if kind == DOMAIN:
        host = _read(browser, _read(browser, 1)[0]).decode("latin-1")
    else:
        family, length = (socket.AF_INET, 4) if kind == IPV4 else (socket.AF_INET6, 16)
        host = socket.inet_ntop(family, _read(browser, length))
    return host, int.from_bytes(_read(browser, 2))


def _reply(code: int) -> bytes:
    return bytes((VERSION, code, 0, IPV4, 0, 0, 0, 0, 0, 0))


def _read(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    """Passes bytes on until the source ends, and then its end: an orderly one, or a reset."""
    buffer = memoryview(bytearray(CHUNK))
    try:
        while count := source.recv_into(buffer):
            sink.sendall(buffer[:count])
        sink.shutdown(socket.SHUT_WR)
    except OSError:  # then whoever reads there must not take what came for the whole
        for connection in (sink, source):
            with suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                connection.shutdown(socket.SHUT_RD)  # the other thread wakes up, and closing resets the connection
