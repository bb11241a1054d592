"""Files from the web that the worker fetches itself, and servers that answer oddly."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from helios_worker.errors import UserError
from helios_worker.network.addresses import AddressRule
from helios_worker.network.download import Download


class Server(ThreadingHTTPServer):
    paths: list[str]
    location = ""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        moved = self.path.startswith("/moved")
        self.send_response(302 if moved else 200)
        if moved:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), Handler)
    made.paths = []
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def fetch(server: Server, path: str, tmp_path) -> None:
    url = f"http://127.0.0.1:{server.server_port}{path}"
    Download(url, "the file", "archive", 1 << 20, AddressRule(loopback=True), retry=0).save(tmp_path / "copy")


@pytest.mark.parametrize("location", ["http://[", "http://[x/a.zip", "http://host:port/", "ftp://host/a.zip"])
def test_a_redirect_to_nowhere_is_said(server, location, tmp_path):
    server.location = location
    with pytest.raises(UserError, match="no address of the web"):
        fetch(server, "/moved", tmp_path)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/a b.zip", "/a%20b.zip"),
        ("/ü.zip?x=ä b", "/%C3%BC.zip?x=%C3%A4%20b"),
        ("/a%20b.zip?sig=a%2Fb&t=1:2", "/a%20b.zip?sig=a%2Fb&t=1:2"),
    ],
)
def test_an_address_is_escaped_as_by_a_browser(server, path, sent, tmp_path):
    fetch(server, path, tmp_path)
    assert server.paths == [sent]
