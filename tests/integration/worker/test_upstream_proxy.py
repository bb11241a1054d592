"""A page whose pictures are behind a company's proxy: the browser reaches them through it, by a name only it knows."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from helios_crds.wire import ExitCode
from helios_worker.network.addresses import AddressRule
from helios_worker.runtime import WorkerRuntime
from tests.integration.worker.project import Project

SCRIPT = b'document.documentElement.style.background = "#123"; window.came = true;'
PAGE = """<script src="http://pictures.invalid/film.js"></script>
<script>if (!window.came) throw new Error("the script did not come");</script>"""


class CompanyProxy:
    """Lets connections to pictures.invalid through, is that server itself, and refuses others. asked: first lines."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, EOFError):
            asked = _head(connection).decode("latin-1").partition("\r\n")[0]
            self.asked.append(asked)
            if asked != "CONNECT pictures.invalid:80 HTTP/1.1":
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _head(connection)
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/javascript\r\nContent-Length: {len(SCRIPT)}\r\n"
            connection.sendall(f"{head}Connection: close\r\n\r\n".encode() + SCRIPT)


def _head(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        data = connection.recv(4096)
        if not data:
            raise EOFError
        head += data
    return head


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[CompanyProxy]:
    company = CompanyProxy()
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", company.url)
    yield company
    company.close()


def test_a_page_behind_a_proxy(proxy: CompanyProxy, tmp_path: Path):
    """As a stranger's, in a pod: neither the proxy at this machine nor the composition's own site is in the way."""
    (tmp_path / "workspace").mkdir()
    worker = WorkerRuntime(tmp_path / "workspace", lanes=1, addresses=AddressRule(loopback=False))
    try:
        project = Project(tmp_path, worker)
        project.plan(PAGE, frames=6)
        assert "CONNECT pictures.invalid:80 HTTP/1.1" in proxy.asked
        reply = project.try_plan('<script src="http://other.invalid/film.js"></script>', frames=6)
        assert reply.exitCode == ExitCode.USER_ERROR
        assert "of HTTP_PROXY answered 403 when asked for other.invalid:80" in reply.stderr
    finally:
        worker.close()
