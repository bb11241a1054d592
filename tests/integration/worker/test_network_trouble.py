"""A web server's passing trouble is worth another attempt; what is the page's fault is not. One row a fault."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO

import pytest
from PIL import Image

from helios_crds.wire import ExitCode, Reply
from tests.integration.worker.project import MOVING, Project, html

LINGER = struct.pack("ii", 1, 0)
DRAWING = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
KINDS = {"html": "text/html", "svg": "image/svg+xml", "png": "image/png"}


class Server:
    """Answers every request as `fault` says; "" answers well. A path in `well` is always answered well."""

    def __init__(self) -> None:
        self.fault = ""
        self.well: dict[str, bytes] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self._listener.accept()[:1], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            request = connection.recv(65536)
            path = request.split(b" ")[1].decode() if request.startswith(b"GET ") else ""
            body = self.well.get(path, DRAWING)
            kind = KINDS.get(path.rpartition(".")[2], "image/svg+xml")
            fault = "" if path in self.well and self.fault != "all" else self.fault
            head = f"Content-Type: {kind}\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\n"
            length = f"Content-Length: {len(body)}\r\n"
            if fault.isdecimal():
                connection.sendall(f"HTTP/1.1 {fault} X\r\n{head}Content-Length: 0\r\n\r\n".encode())
            elif fault == "half":
                connection.sendall(f"HTTP/1.1 200 OK\r\n{head}{length}\r\n".encode() + body[:20])
            elif fault == "half a picture in a chunk":
                half = noise_png()[:2000]
                sent = f"HTTP/1.1 200 OK\r\n{head}Transfer-Encoding: chunked\r\n\r\n{len(half):x}\r\n".encode()
                connection.sendall(sent + half + b"\r\n")
            elif fault == "half a chunk":
                connection.sendall(f"HTTP/1.1 200 OK\r\n{head}Transfer-Encoding: chunked\r\n\r\nff\r\nabc".encode())
            elif fault == "reset in the middle":
                connection.sendall(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + body[:20])
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
            elif fault == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
            elif not fault:
                connection.sendall(f"HTTP/1.1 200 OK\r\n{head}{length}\r\n".encode() + body)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def noise_png() -> bytes:
    data = BytesIO()
    Image.effect_noise((64, 64), 90).save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


NETWORK = [
    pytest.param("503", "the server answered 503", id="503"),
    pytest.param("502", "the server answered 502", id="502"),
    pytest.param("504", "the server answered 504", id="504"),
    pytest.param("429", "the server answered 429 (too many requests)", id="429"),
    pytest.param("refused", "nothing listens there (connection refused)", id="connection refused"),
    pytest.param("unknown", "its name is not known", id="name not found"),
    pytest.param("half", "the connection was cut", id="cut in mid-body"),
    pytest.param("half a chunk", "the connection was cut", id="cut in a chunk"),
    pytest.param("reset in the middle", "the connection was cut", id="reset in mid-body"),
    pytest.param("reset", "", id="reset"),
    pytest.param("nothing", "", id="no answer"),
    pytest.param("tls", "the connection was cut", id="TLS handshake cut"),
]
PAGES = [
    pytest.param("404", "not found (404)", id="404"),
    pytest.param("410", "the server answered 410", id="410"),
    pytest.param("401", "the server answered 401", id="401"),
    pytest.param("403", "the server answered 403", id="403"),
    pytest.param("500", "the server answered 500", id="500"),
    pytest.param("link-local", "it is an address of a metadata service", id="address not allowed"),
]


def faulty(server: Server, fault: str, path: str) -> str:
    """The address of a file that fails in this way."""
    server.fault = fault
    match fault:
        case "refused":
            server.close()
        case "unknown":
            return f"http://no-such-host.invalid{path}"
        case "tls":
            return f"https://127.0.0.1:{server.port}{path}"
        case "link-local":
            return f"http://169.254.169.254{path}"
    return f"{server.url}{path}"


def plan(project: Project, url: str) -> Reply:
    return project.try_plan("", composition={"url": url, "seeking": "Seekable"}, frames=6)


# DevTools does not show that a body without a length was cut, so the recorder cannot know it of a page on the network.
@pytest.mark.parametrize(
    ("fault", "says"), [row for row in NETWORK if row.values[0] not in ("half a chunk", "reset in the middle")]
)
def test_the_page_itself_in_passing_trouble(project: Project, server: Server, fault: str, says: str):
    reply = plan(project, faulty(server, fault, "/page.html"))
    assert (reply.exitCode, (reply.result or {})["error"]) == (ExitCode.RETRYABLE, "NetworkTrouble"), reply.stderr
    assert f"/page.html could not be loaded: {says}" in reply.stderr
    assert "another attempt may succeed" in reply.stderr
    assert "pageErrors" not in reply.stderr


def test_a_picture_without_a_length_that_was_cut(project: Project, server: Server):
    """The page is recorded, so that the browser does not say it; the picture itself has no end."""
    server.fault = "half a picture in a chunk"
    server.well["/page.html"] = html(f"<img src=/a.png>{MOVING}", frames=6).encode()
    reply = plan(project, f"{server.url}/page.html")
    assert (reply.exitCode, (reply.result or {})["error"]) == (ExitCode.RETRYABLE, "NetworkTrouble"), reply.stderr
    assert "/a.png could not be loaded: the connection was cut after 2000 bytes" in reply.stderr


@pytest.mark.parametrize(("fault", "says"), PAGES)
def test_the_page_itself_is_at_fault(project: Project, server: Server, fault: str, says: str):
    reply = plan(project, faulty(server, fault, "/page.html"))
    assert reply.exitCode == ExitCode.USER_ERROR
    assert says in reply.stderr


@pytest.mark.parametrize(("fault", "says"), NETWORK)
@pytest.mark.parametrize(
    "markup", ["<img src={}>", "<script>fetch('{}').then(r => r.text())</script>"], ids=["img", "fetch"]
)
def test_a_file_of_a_page_in_passing_trouble(project: Project, server: Server, markup: str, fault: str, says: str):
    reply = project.try_plan(markup.format(faulty(server, fault, "/a.svg")) + MOVING, frames=6)
    assert (reply.exitCode, (reply.result or {})["error"]) == (ExitCode.RETRYABLE, "NetworkTrouble"), reply.stderr
    assert f"/a.svg could not be loaded: {says}" in reply.stderr


@pytest.mark.parametrize(("fault", "says"), PAGES)
def test_a_file_of_a_page_is_at_fault(project: Project, server: Server, fault: str, says: str):
    reply = project.try_plan(f"<img src={faulty(server, fault, '/a.svg')}>{MOVING}", frames=6)
    assert reply.exitCode == ExitCode.USER_ERROR
    assert says in reply.stderr
    assert "fix the page, or render with composition.pageErrors: warn" in reply.stderr


def test_a_page_that_may_do_without_a_file(project: Project, server: Server):
    url = faulty(server, "503", "/a.svg")
    reply = project.try_plan(f"<img src={url}>{MOVING}", frames=6, composition={"pageErrors": "warn"})
    assert reply.exitCode == ExitCode.DONE, reply.stderr
    assert any(
        "a.svg could not be loaded: the server answered 503" in each for each in (reply.result or {})["warnings"]
    )


def test_a_page_is_needed_whatever_its_errors_become(project: Project, server: Server):
    url = faulty(server, "503", "/page.html")
    reply = project.try_plan("", composition={"url": url, "pageErrors": "warn"}, frames=6)
    assert reply.exitCode == ExitCode.RETRYABLE


def test_a_server_that_recovers(project: Project, server: Server):
    server.well["/page.html"] = html(f"<img src=/a.svg>{MOVING}", frames=6).encode()
    server.fault = "503"
    assert plan(project, f"{server.url}/page.html").exitCode == ExitCode.RETRYABLE
    server.fault = ""
    reply = plan(project, f"{server.url}/page.html")
    assert reply.exitCode == ExitCode.DONE, reply.stderr


@pytest.mark.parametrize(("fault", "says"), NETWORK)
def test_an_archive_in_passing_trouble(
    project: Project, server: Server, monkeypatch: pytest.MonkeyPatch, fault: str, says: str
):
    monkeypatch.setenv("HELIOS_STORE_RETRY_SECONDS", "0.05")
    reply = plan(project, faulty(server, fault, "/page.tgz"))
    assert (reply.exitCode, (reply.result or {})["error"]) == (ExitCode.RETRYABLE, "NetworkTrouble"), reply.stderr
    assert "fetching http" in reply.stderr
    assert says in reply.stderr


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("404", "there is no archive"),
        ("410", "there is no archive"),
        ("401", "may not be read: the server answered 401"),
        ("403", "may not be read: the server answered 403"),
        ("500", "was answered with 500"),
        ("link-local", "it is an address of a metadata service"),
    ],
)
def test_an_archive_at_fault(project: Project, server: Server, fault: str, says: str):
    reply = plan(project, faulty(server, fault, "/page.tgz"))
    assert reply.exitCode == ExitCode.USER_ERROR
    assert says in reply.stderr
