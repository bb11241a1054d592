"""What a page can reach: a page tries everything it has against servers of this machine, for strangers and for authors.

Each server notes who came, so nothing depends on what the page believes. For authors most of the tries arrive, which
shows that they are real ones.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from helios_crds.wire import ExitCode, Reply
from helios_worker.network.addresses import AddressRule
from helios_worker.runtime import WorkerRuntime
from tests.integration.worker.project import Project

PAGE = Path(__file__).with_name("attacks.html").read_text()
ATTACKS = re.findall(r'^    "?([a-z-]+)"?: (?:async )?\(\) =>', PAGE, re.MULTILINE)
SPELLED = re.findall(r'^    ([a-z]+): "', PAGE, re.MULTILINE)
TRIES = [*(f"spelled-{name}" for name in SPELLED), *ATTACKS]
RAW = re.findall(r'raw(?:\.|\[")([a-z-]+)', PAGE)
UDP = re.findall(r'udp(?:\.|\[")([a-z-]+)', PAGE)
NEVER = {"as-the-proxy", "preconnect", *UDP}
"""What does not even arrive for this machine's own author: nothing is sent by UDP."""

SOMETIMES = {"turn-tcp", "turn-tcp-own", "turns-tcp", "ice-tcp", "beacon", "shared-worker"}
"""What arrives in its own time, which the page does not wait for."""


class Machine:
    """Servers of this machine. came: which tries arrived. outer: a server that may be reached, at 127.0.0.2."""

    def __init__(self, stack: ExitStack) -> None:
        self.came: set[str] = set()
        self.failed: dict[str, str] = {}
        machine = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith("/v/"):
                    machine.came.add(self.path.removeprefix("/v/").partition("?")[0])
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.path == "/done":
                    machine.failed = json.loads(data)
                is_moved = self.path.startswith("/to?")
                self.send_response(302 if is_moved else 200)
                if is_moved:
                    self.send_header("Location", self.path.removeprefix("/to?"))
                self.send_header("Access-Control-Allow-Origin", "*")
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_GET  # noqa: N815 - the name is http.server's

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
                """Nothing."""

        def serve(host: str) -> int:
            server = ThreadingHTTPServer((host, 0), Handler)
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            return int(server.server_port)

        def listen(name: str, kind: socket.SocketKind) -> int:
            listener = socket.socket(socket.AF_INET, kind)
            listener.bind(("127.0.0.1", 0))
            stack.callback(listener.close)

            def note() -> None:
                with suppress(OSError):
                    while True:
                        if kind is socket.SOCK_STREAM:
                            listener.accept()[0].close()
                        else:
                            listener.recv(1)
                        machine.came.add(name)

            if kind is socket.SOCK_STREAM:
                listener.listen()
            threading.Thread(target=note, daemon=True).start()
            return int(listener.getsockname()[1])

        self.outer = serve("127.0.0.2")
        self.places = {
            "http": serve("127.0.0.1"),
            "outer": self.outer,
            "raw": {name: listen(name, socket.SOCK_STREAM) for name in RAW},
            "udp": {name: listen(name, socket.SOCK_DGRAM) for name in UDP},
        }


def attacked(folder: Path, *, loopback: bool) -> tuple[Machine, Reply]:
    """The machine after a plan of the page, and the plan's reply."""
    with ExitStack() as stack:
        machine = Machine(stack)
        rule = AddressRule(loopback=loopback, exceptions=[f"127.0.0.2:{machine.outer}"])
        (folder / "workspace").mkdir()
        worker = WorkerRuntime(folder / "workspace", lanes=1, addresses=rule)
        stack.callback(worker.close)
        page = PAGE.replace("PLACES", json.dumps(machine.places))
        (folder / "site").mkdir()
        (folder / "site/page.html").write_text(page)
        composition = {"url": str(folder / "site/page.html"), "pageErrors": "warn", "seeking": "Seekable"}
        reply = Project(folder, worker).try_plan("", composition=composition, frames=6)
        return machine, reply


@pytest.fixture(scope="module")
def as_stranger(tmp_path_factory: pytest.TempPathFactory) -> tuple[Machine, Reply]:
    return attacked(tmp_path_factory.mktemp("stranger"), loopback=False)


@pytest.fixture(scope="module")
def as_author(tmp_path_factory: pytest.TempPathFactory) -> tuple[Machine, Reply]:
    return attacked(tmp_path_factory.mktemp("author"), loopback=True)


@pytest.mark.parametrize("attack", TRIES)
def test_a_stranger_reaches_nothing_of_this_machine(as_stranger: tuple[Machine, Reply], attack: str):
    machine, reply = as_stranger
    assert reply.exitCode == ExitCode.DONE, reply.stderr
    assert machine.failed, "the page has not tried everything"
    assert attack not in machine.came


@pytest.mark.parametrize("attack", TRIES)
def test_an_author_reaches_what_runs_on_this_machine(as_author: tuple[Machine, Reply], attack: str):
    machine, reply = as_author
    assert reply.exitCode == ExitCode.DONE, reply.stderr
    assert attack in SOMETIMES or (attack in machine.came) == (attack not in NEVER), machine.failed.get(attack)
