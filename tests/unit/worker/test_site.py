"""The server that browsers read compositions from, asked over real connections."""

import asyncio
import http.client
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helios_worker.capture.content.site import Mount, Site
from helios_worker.errors import HeliosError

HOST = "film.composition.localhost"
SIZE = 300_000


class Served:
    """A site in a loop of its own, with one composition; `faults`: what its mount was told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults: list[HeliosError] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._site = Site()
        self._do(self._site.start())
        self.mount = Mount("film", self._locate, self.faults.append)
        assert self.mount.address == f"http://{HOST}/"
        self._site.show(self.mount)

    async def _locate(self, path: str) -> Path | None:
        if path == "broken.png":
            raise HeliosError("broken.png has been altered")
        file = self.folder / path
        return file if file.is_file() else None

    def _do(self, work) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._site.port, timeout=10)

    def close(self) -> None:
        self._do(self._site.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "index.html").write_text("<p>hello")
    (tmp_path / "a b ü.css").write_text("p {}")
    (tmp_path / "film.mp4").write_bytes(bytes(n % 251 for n in range(SIZE)))
    (tmp_path.parent / "secret.txt").write_text("no")
    site = Served(tmp_path)
    yield site
    site.close()


@pytest.fixture
def ask(served: Served) -> Iterator[Callable[..., tuple[http.client.HTTPResponse, bytes]]]:
    """Asks over one connection that is kept."""
    connection = served.connection()

    def ask(path: str, method: str = "GET", host: str = HOST, **headers: str):
        connection.request(method, path, headers={"Host": host, **headers})
        response = connection.getresponse()
        return response, response.read()

    yield ask
    connection.close()


def test_files_come_with_their_type_over_one_connection(ask):
    for path, kind, body in [
        ("/index.html", "text/html", b"<p>hello"),
        ("/a%20b%20%C3%BC.css?v=3#x", "text/css", b"p {}"),
        ("//./index.html", "text/html", b"<p>hello"),
    ]:
        response, found = ask(path)
        assert (response.status, response.headers["Content-Type"], found) == (200, kind, body)
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Server"].strip() == "helios", "the same on every machine"
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert not response.will_close


def test_head_has_no_body(ask):
    response, found = ask("/film.mp4", "HEAD")
    assert (response.status, response.headers["Content-Length"], found) == (200, str(SIZE), b"")
    assert ask("/index.html")[1] == b"<p>hello", "the connection is in step"


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=100-", 100, SIZE),
        ("bytes=-7", SIZE - 7, SIZE),
        (f"bytes=5-{SIZE * 2}", 5, SIZE),
        (f"bytes=-{SIZE * 2}", 0, SIZE),
    ],
)
def test_parts_of_a_file(ask, asked, first, end):
    response, found = ask("/film.mp4", Range=asked)
    assert response.status == 206
    assert response.headers["Content-Range"] == f"bytes {first}-{end - 1}/{SIZE}"
    assert found == bytes(n % 251 for n in range(first, end))


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=9-3", "bytes=-", "bytes=0-1,5-6", "lines=1-2", "nonsense"])
def test_what_is_no_part_is_the_whole(ask, asked):
    response, found = ask("/film.mp4", Range=asked)
    assert (response.status, len(found)) == (200, SIZE)


@pytest.mark.parametrize(
    ("path", "host"),
    [
        ("/no.html", HOST),
        ("/", HOST),
        ("/../secret.txt", HOST),
        ("/%2e%2e/secret.txt", HOST),
        ("/index.html", "other.composition.localhost"),
        ("/index.html", "example.com"),
        ("/index.html", "127.0.0.1"),
        ("/index.html", "localhost"),
        ("/index.html", f"{HOST}:80"),
        ("/index.html", f"{HOST}."),
        ("/index.html", f"x.{HOST}"),
        ("/index.html", "film"),
        ("/index.html", ""),
    ],
)
def test_nothing_else_is_served(ask, path, host):
    response, found = ask(path, host=host)
    assert response.status == 404
    assert b"the composition has no file" in found


def test_a_composition_that_was_closed_is_served_no_more(ask, served):
    assert ask("/index.html")[0].status == 200
    served.mount.end()
    assert ask("/index.html")[0].status == 404, "over a connection that is open since before"


def test_a_browser_is_served_what_it_shows_and_nothing_that_it_showed(ask, served):
    other = Mount("other", served._locate)
    served._site.show(other)
    assert ask("/index.html")[0].status == 404
    assert ask("/index.html", host=other.host)[0].status == 200


def test_a_file_that_cannot_be_had_is_not_the_pages_mistake(ask, served):
    response, found = ask("/broken.png")
    assert (response.status, found) == (500, b"broken.png has been altered")
    assert [type(fault) for fault in served.faults] == [HeliosError]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_a_site_takes_nothing(ask, method):
    assert ask("/index.html", method)[0].status == 501


def test_many_at_once_and_one_that_says_nothing(served):
    silent = [served.connection() for _ in range(20)]
    for connection in silent:
        connection.connect()
    answers: list[int] = []

    def read() -> None:
        connection = served.connection()
        connection.request("GET", "/film.mp4", headers={"Host": HOST})
        answers.append(len(connection.getresponse().read()))
        connection.close()

    threads = [threading.Thread(target=read) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    for connection in silent:
        connection.close()
    assert answers == [SIZE] * 40


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        pytest.param("a.html", "<p>Café".encode(), "text/html; charset=utf-8", id="UTF-8 that nothing says"),
        pytest.param("a.html", "<meta charset=utf-8><p>Café".encode(), "text/html; charset=utf-8", id="that it says"),
        pytest.param("a.html", b"<p>Cafe", "text/html", id="ASCII"),
        pytest.param("a.html", "<p>Café".encode("latin-1"), "text/html", id="another charset"),
        pytest.param("a.html", "<meta charset='koi8-r'><p>Café".encode(), "text/html", id="that says another"),
        pytest.param("a.html", "\ufeff<p>Café".encode("utf-16"), "text/html", id="UTF-16"),
        pytest.param("a.js", "t = 'ü'".encode(), "text/javascript; charset=utf-8", id="script"),
        pytest.param("a.css", "p::before{content:'ü'}".encode(), "text/css; charset=utf-8", id="style sheet"),
        pytest.param("a.css", "@charset \"x\";p::before{content:'ü'}".encode(), "text/css", id="with a charset"),
        pytest.param("a.txt", "ü".encode(), "text/plain; charset=utf-8", id="text"),
        pytest.param("a.json", '"ü"'.encode(), "application/json", id="JSON, which is UTF-8 anyway"),
        pytest.param("a.html", b"a" * (1 << 20) + "ü".encode() * 9, "text/html; charset=utf-8", id="late"),
        pytest.param("a.html", "ü".encode() + b"a" * (1 << 20) + b"\xe9", "text/html", id="late, another"),
    ],
)
def test_utf_8_is_said_where_a_browser_would_not_find_it_out(ask, served, name, data, kind):
    (served.folder / name).write_bytes(data)
    response, _ = ask(f"/{name}")
    assert response.getheader("Content-Type") == kind


def test_a_folder_is_its_index(served: Served, ask):
    (served.folder / "a chart").mkdir()
    (served.folder / "a chart/index.html").write_text("<p>chart")
    assert ask("/a%20chart/")[1] == b"<p>chart"
    response, _ = ask("/a%20chart?x=1")
    assert (response.status, response.headers["Location"]) == (301, "/a%20chart/?x=1")
    assert ask("/a%20chart/")[0].headers["Content-Type"] == "text/html"
