"""A composition, its store and a warm worker: small pages, few frames, real browser."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from helios_crds.request import RenderRequest
from helios_crds.wire import ExitCode, Payload, Reply, Stage
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.jobs.layout import manifest_key
from helios_worker.jobs.spec import JobSpec
from helios_worker.runtime import WorkerRuntime

UNIT = 6
MOVING = """<style>body{margin:0;background:#123}div{width:20px;height:20px;background:#fc0;animation:m 2s linear}
@keyframes m{to{transform:translate(130px,60px)}}</style><div></div>"""
# It never stands still, for a still page is rendered in no time.
RESTLESS = MOVING.replace("linear", "linear infinite")
# One step to the right for each frame that was shown: what a jump shows is not what a walk shows.
STATEFUL = """<style>body{margin:0;background:#123}div{width:8px;height:40px;background:#fc0;position:absolute}</style>
<div></div><script>let shown = 0;
const step = () => { document.querySelector("div").style.left = `${shown++ * 3}px`; requestAnimationFrame(step); };
requestAnimationFrame(step);</script>"""


NETWORK_CHANGES = 10


def html(body: str, *, frames: int = 12) -> str:
    return f'<!doctype html><html data-width="160" data-height="90" data-fps="30" data-frames="{frames}">{body}</html>'


def page_request(folder: Path, body: str, *, frames: int, chunk: int = 6, **changes: Any) -> dict[str, Any]:
    """Writes a page and asks for it, as JSON."""
    folder.mkdir(exist_ok=True)
    (folder / "index.html").write_text(html(body, frames=frames))
    composition = {"url": str(folder / "index.html"), "seeking": "Seekable", **changes.pop("composition", {})}
    asked = {
        "composition": composition,
        "video": {"unitFrames": UNIT},
        "chunking": {"frames": chunk},
        "output": str(folder.parent / "out.mp4"),
        **changes,
    }
    return RenderRequest.model_validate(asked).model_dump(mode="json")


@dataclass
class Project:
    """A folder with a page and a store, and a worker that stays. job_url: set by `plan`."""

    folder: Path
    runtime: WorkerRuntime
    job_url: str = ""

    @property
    def store(self) -> ArtifactStore:
        return ArtifactStore((self.folder / "store").as_uri())

    @property
    def output(self) -> Path:
        return self.folder / "out.mp4"

    @property
    def job(self) -> JobSpec:
        data = self.store.get(self.job_url.removeprefix(self.store.url))
        assert data is not None
        return JobSpec.model_validate_json(data)

    def ask(self, body: str, *, frames: int = 12, **changes: Any) -> str:
        """Stores a request for a page of this markup; its URL."""
        asked = page_request(self.folder / "page", body, frames=frames, **changes)
        self.store.put("requests/1.json", orjson.dumps(asked))
        return f"{self.store.url}requests/1.json"

    def try_plan(self, body: str, **changes: Any) -> Reply:
        return self._process(Payload(jobPath=self.ask(body, **changes), stage=Stage.PLAN))

    def plan(self, body: str, **changes: Any) -> dict[str, Any]:
        """Plans a page; the result."""
        reply = self.try_plan(body, **changes)
        assert reply.exitCode == ExitCode.DONE, reply.stderr
        assert reply.result is not None
        self.job_url = reply.result["jobPath"]
        return reply.result

    def chunk(self, index: int = 0, *, attempt: int = 1) -> Reply:
        return self._process(Payload(jobPath=self.job_url, chunkIndex=index, attempt=attempt))

    def chunks(self) -> list[dict[str, Any]]:
        """Renders all; the results."""
        replies = [self.chunk(chunk.id) for chunk in self.job.chunks]
        assert [reply.stderr for reply in replies if reply.exitCode] == []
        return [reply.result or {} for reply in replies]

    def stitch(self) -> Reply:
        return self.runtime.process(Payload(jobPath=self.job_url, stage=Stage.STITCH))

    def _process(self, payload: Payload) -> Reply:
        """A stage, again where containers that start beside the test change the machine's network."""
        reply = self.runtime.process(payload)
        for _ in range(NETWORK_CHANGES):
            if "network changed meanwhile" not in reply.stderr:
                break
            reply = self.runtime.process(payload)
        return reply

    def manifest_file(self, index: int = 0) -> Path:
        return self.folder / "store" / manifest_key(self.job.chunks[index].key)

    def manifest(self, index: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.manifest_file(index).read_bytes())
        return found

    def segment_file(self, index: int = 0) -> Path:
        segment: str = self.manifest(index)["segment"]
        return self.folder / "store" / segment


@contextmanager
def silent_server() -> Iterator[str]:
    """A server that takes every connection and never says a word; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                taken.append(listener.accept()[0])
            except OSError:
                return

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in taken:
            connection.close()
        thread.join()


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)


def worker_environment(folder: Path) -> dict[str, str]:
    """For worker processes: their temporary files where the test can see them."""
    return {**os.environ, "TMPDIR": str(folder)}
