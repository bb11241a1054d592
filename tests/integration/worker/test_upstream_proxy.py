"""A page whose pictures are behind a company's proxy: the browser reaches them through it, by a name only it knows."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from helios_crds.wire import ExitCode
from helios_worker.network.addresses import AddressRule
from helios_worker.runtime import WorkerRuntime
from tests.connect_proxy import ConnectProxy, head_of
from tests.integration.worker.project import Project

SCRIPT = b'document.documentElement.style.background = "#123"; window.came = true;'
PAGE = """<script src="http://pictures.invalid/film.js"></script>
<script>if (!window.came) throw new Error("the script did not come");</script>"""


class CompanyProxy(ConnectProxy):
    """Lets connections to pictures.invalid through, is that server itself, and refuses others. asked: first lines."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, connection: socket.socket) -> None:
        asked = head_of(connection).partition("\r\n")[0]
        self.asked.append(asked)
        if asked != "CONNECT pictures.invalid:80 HTTP/1.1":
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        head_of(connection)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/javascript\r\nContent-Length: {len(SCRIPT)}\r\n"
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode() + SCRIPT)


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
