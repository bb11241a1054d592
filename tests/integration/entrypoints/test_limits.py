"""The limits of the HTTP server, made small: what is slow, idle or too many costs itself only."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from helios_worker.entrypoints import http_server
from tests.integration.worker.project import wait_until

REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789"


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Says what it was sent."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["wsgi.input"].read()]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """Starts a server with other limits; its port."""
    monkeypatch.setattr(http_server, "CHECK_SECONDS", 0)
    started: list[http_server.Server] = []

    def start(**limits: int) -> int:
        for name, value in limits.items():
            monkeypatch.setattr(http_server, name, value)
        server = http_server.Server(application, host="127.0.0.1", port=0, threads=2)
        server.start()
        started.append(server)
        return server.port

    yield start
    for server in started:
        server.close()
        with pytest.raises(ConnectionRefusedError):
            connect(server.port)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 20)


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side has hung up."""
    connection.settimeout(0.01)
    try:
        return connection.recv(1000) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def answer(connection: socket.socket) -> bytes:
    """What it was sent, as the server says."""
    connection.settimeout(20)
    data = b""
    while not (found := re.search(rb"Content-Length: (\d+)\r\n.*\r\n\r\n(.*)", data, re.DOTALL)) or len(found[2]) < int(
        found[1]
    ):
        block = connection.recv(65_536)
        assert block, data
        data += block
    return found[2]


@pytest.mark.parametrize("sent", [REQUEST[:20], REQUEST[:-5]], ids=["in its header", "in its body"])
def test_a_client_that_trickles_is_cut_off(small, sent):
    with connect(small(REQUEST_SECONDS=1)) as connection:
        connection.sendall(sent)

        def trickled() -> bool:
            with suppress(OSError):
                connection.sendall(b"x" if sent == REQUEST[:20] else b"")
            return is_closed(connection)

        wait_until(trickled, "the server to lose its patience", 10)


def test_one_that_is_slow_but_comes_to_its_end_is_answered(small):
    with connect(small(REQUEST_SECONDS=10)) as connection:
        for byte in REQUEST:
            connection.sendall(bytes([byte]))
            time.sleep(0.002)
        assert answer(connection) == b"0123456789"


def test_each_request_of_a_connection_has_its_time(small):
    with connect(small(REQUEST_SECONDS=4)) as connection:
        for _ in range(4):
            connection.sendall(REQUEST[:-5])
            time.sleep(1.1)  # of its time
            connection.sendall(REQUEST[-5:])
            assert answer(connection) == b"0123456789"


def test_an_idle_connection_is_closed(small):
    with connect(small(IDLE_SECONDS=1)) as connection:
        wait_until(lambda: is_closed(connection), "the server to hang up", 10)


def test_connections_beyond_the_limit_wait_for_a_place(small):
    port = small(CONNECTIONS=8)
    with ExitStack() as stack:
        held = [stack.enter_context(connect(port)) for _ in range(20)]
        for connection in held:
            connection.sendall(REQUEST)
        heard: list[bytes] = []
        first = threading.Thread(target=lambda: heard.append(answer(held[0])))
        first.start()
        first.join(20)
        assert heard == [b"0123456789"]
        held[-1].settimeout(1.5)
        with pytest.raises(TimeoutError):  # its turn has not come
            held[-1].recv(1000)
        for connection in held[:-1]:
            connection.close()
        assert answer(held[-1]) == b"0123456789"


def test_of_a_body_that_is_too_large_one_byte_more_than_allowed_is_kept(small):
    size = http_server.BODY_BYTES + 1000
    with connect(small()) as connection:
        connection.sendall(f"POST / HTTP/1.1\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode())
        connection.sendall(b"x" * size)
        assert len(answer(connection)) == http_server.BODY_BYTES + 1
