"""heliosctl as its users run it: a process, with an artifact store of the test's own.

What is run to its end is mostly a fork (tests/forks.py), which need not import the libraries; what is started, and
looked at while it runs, is the installed program.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests import forks
from tests.cluster.cache import locked
from tests.processes import browsers_among, send_signal, workers_among

HELIOSCTL = str(Path(sys.executable).with_name("heliosctl"))
TIMEOUT = 90
"""Seconds after which a command on these tiny pages hangs."""
TAG = "HELIOS_TEST_TAG"

BODY = """<style>body { margin: 0; background: #123 } div { width: 20px; height: 90px; background: #fa0;
animation: move 2s linear } @keyframes move { to { transform: translateX(140px) } }</style><div></div>"""


def html(body: str = BODY, *, width: int = 160, height: int = 90, fps: str = "30", frames: int = 60) -> str:
    """A page of two seconds, unless told otherwise."""
    size = f'data-width="{width}" data-height="{height}" data-fps="{fps}" data-frames="{frames}"'
    return f"<!doctype html>\n<html {size}>\n{body}\n"


def slow(millions: int) -> str:
    """A page body that computes so many millions of square roots for each frame: about 5 ms each here."""
    return f"""{BODY}<script>(function draw() {{
      for (let i = 0, until = {millions}e6; i < until; i++) globalThis.sink = Math.sqrt(i);
      requestAnimationFrame(draw);
    }})()</script>"""


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> Mapping[str, Any]:
        """What --json printed."""
        report: Mapping[str, Any] = json.loads(self.out)
        return report


@dataclass
class Cli:
    """Runs heliosctl in a folder of the test's own, and knows which processes come of it."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    tag: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def artifacts(self) -> Path:
        """The artifact store."""
        return self.folder / "artifacts"

    def page(self, text: str | None = None, name: str = "page") -> str:
        """Writes a page into a folder of its own. Returns that folder's name."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        (folder / "index.html").write_text(text or html())
        return name

    def start(self, *arguments: str, within: Sequence[str] = (), **environment: str) -> subprocess.Popen[str]:
        """Starts a command. within: the program and arguments that are to run it."""
        return subprocess.Popen(
            [*within, HELIOSCTL, *arguments],
            cwd=self.folder,
            env=self._environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> Done:
        """Runs a command to its end, as a fork."""
        env = self._environment(environment)
        done = forks.run("heliosctl", arguments, cwd=self.folder, env=env, seconds=TIMEOUT)
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def run_program(self, *arguments: str, stdin: str | None = None, **environment: str) -> Done:
        """Runs a command to its end, as the installed program."""
        done = subprocess.run(
            [HELIOSCTL, *arguments],
            cwd=self.folder,
            env=self._environment(environment),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def render(self, *arguments: str, output: str = "out.mp4", **environment: str) -> Mapping[str, Any]:
        """Renders well. Returns what --json printed."""
        done = self.run("render", *arguments, "-o", output, "--json", **environment)
        assert done.code == 0, done.err + done.out
        return done.report

    def manifests(self) -> dict[str, int]:
        """The committed chunks, and when each was."""
        return {path.name: path.stat().st_mtime_ns for path in (self.artifacts / "chunks").glob("*.json")}

    def processes(self) -> dict[int, str]:
        """The processes that came of this test's commands, with their command lines."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if self.tag.encode() in (entry / "environ").read_bytes():
                        found[int(entry.name)] = (entry / "cmdline").read_bytes().decode().replace("\0", " ")
                except OSError:
                    continue
        return {pid: line for pid, line in found.items() if line}

    def leaves_no_process(self) -> None:
        """What it started ends with it: a browser does when it finds that nobody listens any more."""
        wait_for(lambda: not self.processes(), "the workers and browsers to end")

    def workers(self) -> list[int]:
        """The worker processes."""
        return workers_among(self.processes())

    def browsers(self) -> list[int]:
        """The browsers' main processes."""
        return browsers_among(self.processes())

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        base = {name: value for name, value in os.environ.items() if not name.startswith(("HELIOS_", "XDG_"))}
        chromium = os.environ.get("HELIOS_CHROMIUM")
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        return {
            **base,
            **({"HELIOS_CHROMIUM": chromium} if chromium else {}),
            "HELIOS_ARTIFACTS": str(self.artifacts),
            "TMPDIR": str(temporary),
            TAG: self.tag,
            **self.environment,
            **more,
        }


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    """heliosctl, in an empty folder; nothing it started may outlive the test."""
    made = Cli(tmp_path)
    yield made
    for pid in made.processes():
        send_signal(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, session_folder: Path) -> Cli:
    """heliosctl in a folder with one rendered film, for tests that only look: page, out.mp4.

    A copy of what was rendered once for all processes of the session.
    """
    rendered = session_folder / "rendered-once"
    with locked(session_folder / "rendered-once.lock"):
        if not rendered.exists():
            first = Cli(tmp_path_factory.mktemp("first"))
            first.page()
            first.render("page", "--unit-frames", "15", "--frames-per-chunk", "15")
            first.folder.rename(rendered)
    return Cli(shutil.copytree(rendered, tmp_path_factory.mktemp("shared"), dirs_exist_ok=True))


@contextmanager
def serve(answer: Callable[[str], str]) -> Iterator[str]:
    """An address that answers each path with the HTML that `answer` makes for it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answer(self.path).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(ConnectionError):
                self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def wait_for(condition: Callable[[], Any], what: str, *, seconds: float = 60) -> Any:
    """Waits until something is so, and returns it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds:g} s for {what}")
