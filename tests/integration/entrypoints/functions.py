"""A film to render by invocations, and the processes that render it: as Lambda and Cloud Run would run them."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helios_worker.artifacts.store import ArtifactStore
from tests.clouds.runtime_api import RuntimeApi
from tests.integration.worker.project import wait_until, worker_environment
from tests.processes import browsers, descendants, is_running, send_signal

WORKER = str(Path(sys.executable).with_name("helios-worker"))
UNLIMITED = 600.0
ESTABLISHED, CLOSE_WAIT = "01", "08"
"""States of a connection, as /proc/net/tcp writes them."""


@dataclass(frozen=True)
class Film:
    """A planned film of two chunks, and more.

    sha256: of its chunk 1, as it must come out.
    slow: a job whose one chunk takes minutes.
    impatient: a job whose frames count as stuck after three seconds; its one chunk takes a second or so.
    steady: a job whose one chunk of 1200 frames takes some seconds.
    """

    store: ArtifactStore
    folder: Path
    request: str
    job: str
    sha256: str
    slow: str
    impatient: str
    steady: str

    def forget(self) -> None:
        """Takes what is rendered out of the store: each chunk is rendered anew."""
        for folder in ("chunks", "segments"):
            shutil.rmtree(self.folder / folder, ignore_errors=True)

    def is_rendered_by(self, ask: Any) -> None:
        """The next render is right: chunk 1 is rendered anew, and has the bytes it must have."""
        self.forget()
        reply = ask({"jobPath": self.job, "chunkIndex": 1})
        assert reply["exitCode"] == 0, reply
        assert (reply["result"]["cached"], reply["result"]["sha256"]) == (False, self.sha256)


ANY_FILE = {"HELIOS_ALLOWED_STORES": "file:///"}
"""Lets a worker that serves strangers use every folder of this machine."""


class Process:
    """A worker process and all below it. workspace: where it may write."""

    def __init__(self, process: subprocess.Popen[str], workspace: Path, log: Path) -> None:
        self.process = process
        self.workspace = workspace
        self._log = log

    @property
    def said(self) -> str:
        return self._log.read_text()

    @property
    def browsers(self) -> list[int]:
        return browsers(self.process.pid)

    def family(self) -> list[int]:
        return [self.process.pid, *descendants(self.process.pid)]

    def in_mid_chunk(self) -> None:
        """Waits until frames are being captured and a first unit is encoded."""
        units = "helios-worker-*/helios-chunk-*/unit-*.mp4"
        wait_until(lambda: any(self.workspace.glob(units)), f"a first unit; the worker said: {self.said}")

    def is_tidy(self) -> None:
        """Nothing is left of stages that have ended."""
        left = [path.name for path in self.workspace.glob("helios-worker-*/*")]
        assert [name for name in left if name.startswith(("helios-chunk", "helios-stitch"))] == []

    def ends(self, seconds: float = 15) -> int:
        """Its exit code; nothing of it runs then."""
        family = self.family()
        code = self.process.wait(timeout=seconds)
        wait_until(lambda: not any(map(is_running, family)), "its browsers to end")
        return code

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """All of it stands still, as a function does between two calls."""
        stopped: set[int] = set()
        while fresh := set(self.family()) - stopped:
            for pid in fresh:
                send_signal(pid, signal.SIGSTOP)
            stopped |= fresh
        try:
            yield
        finally:
            for pid in stopped:
                send_signal(pid, signal.SIGCONT)


@contextmanager
def worker(folder: Path, *arguments: str, **environment: str) -> Iterator[Process]:
    """A `helios-worker` with one browser; whatever is left of it is killed in the end."""
    workspace, log = folder / "workspace", folder / "worker.log"
    workspace.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        process = subprocess.Popen(
            [WORKER, *arguments, "--workspace", str(workspace), "--lanes", "1"],
            env={**worker_environment(folder), **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    found = Process(process, workspace, log)
    try:
        yield found
    finally:
        for pid in found.family():
            send_signal(pid, signal.SIGKILL)
        process.wait()


class Lambda(Process):
    """`helios-worker lambda` and the Lambda around it."""

    def __init__(self, process: Process, api: RuntimeApi) -> None:
        super().__init__(process.process, process.workspace, process._log)
        self.api = api

    def invoke(self, event: Any, *, seconds: float = UNLIMITED) -> tuple[int, dict[str, Any]]:
        """Status and body of the response."""
        return parts(self.api.invoke(event, seconds=seconds))

    def ask(self, event: Any) -> dict[str, Any]:
        """The body of the response."""
        return self.invoke(event)[1]


def parts(response: Any) -> tuple[int, dict[str, Any]]:
    """Status and body of what a handler returned."""
    assert response.keys() == {"statusCode", "body"}
    return response["statusCode"], json.loads(response["body"])


@contextmanager
def aws_lambda(folder: Path, **environment: str) -> Iterator[Lambda]:
    """A function, ready or not."""
    given = {**ANY_FILE, **environment}
    with RuntimeApi() as api, worker(folder, "lambda", AWS_LAMBDA_RUNTIME_API=api.address, **given) as process:
        yield Lambda(process, api)


class Service(Process):
    """`helios-worker serve`. port: where it listens."""

    def __init__(self, process: Process, port: int) -> None:
        super().__init__(process.process, process.workspace, process._log)
        self.port = port

    def request(
        self, method: str, path: str, body: bytes = b"", kind: str | None = "application/json", **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Status and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=UNLIMITED)
        try:
            connection.request(method, path, body, headers if kind is None else {"Content-Type": kind, **headers})
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        assert response.headers["Content-Type"] == "application/json"
        return response.status, json.loads(data) if data else {}

    def clients(self) -> set[int]:
        """The ports of those whose connections it still has open, whether they are there yet or not."""
        held = set[int]()
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            own, other, state = (field.rpartition(":")[2] for field in line.split()[1:4])
            if int(own, 16) == self.port and state in (ESTABLISHED, CLOSE_WAIT):
                held.add(int(other, 16))
        return held

    def post(self, payload: Any) -> tuple[int, dict[str, Any]]:
        return self.request("POST", "/", payload if isinstance(payload, bytes) else json.dumps(payload).encode())

    def ask(self, payload: Any) -> dict[str, Any]:
        """The reply of a worker that ran."""
        status, body = self.post(payload)
        assert status == 200, body
        return body


@contextmanager
def service(folder: Path, *arguments: str, port: int, **environment: str) -> Iterator[Service]:
    """A service that listens on a port of the test's."""
    with worker(folder, "serve", *arguments, PORT=str(port), **{**ANY_FILE, **environment}) as process:
        found = Service(process, port)
        wait_until(lambda: "listening on port" in found.said or process.process.poll() is not None, "it to listen")
        assert process.process.poll() is None, found.said
        yield found
