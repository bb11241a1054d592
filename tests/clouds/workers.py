"""Real workers behind the tests' clouds: processes of `helios-worker`, one payload at a time each."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

WORKER = [sys.executable, "-m", "helios_worker.entrypoints.process"]


class Worker(Protocol):
    """Does what a payload asks for, as JSON in and JSON out: exitCode, stdout, stderr, result."""

    def __call__(self, payload: bytes) -> dict[str, Any]: ...


class WorkerDied(Exception):
    """The process ended in the middle of a payload."""


class LineWorkers:
    """A pool of `helios-worker lines` processes, the ones that the local adapter drives; each stays warm."""

    def __init__(self, folder: Path, *, count: int = 1, environment: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._environment = {**os.environ, **(environment or {}), "TMPDIR": str(folder)}
        self._idle: queue.SimpleQueue[subprocess.Popen[bytes] | None] = queue.SimpleQueue()
        self._all: list[subprocess.Popen[bytes]] = []
        self._is_closed = False
        self._lock = threading.Lock()
        for _ in range(count):
            self._idle.put(None)

    def __call__(self, payload: bytes) -> dict[str, Any]:
        worker = self._idle.get()
        try:
            if worker is None or worker.poll() is not None:
                worker = self._start()
            assert worker.stdin is not None
            assert worker.stdout is not None
            worker.stdin.write(payload.replace(b"\n", b" ") + b"\n")
            worker.stdin.flush()
            for line in worker.stdout:
                message = json.loads(line)
                if "reply" in message:
                    return dict(message["reply"])
            raise WorkerDied(f"the worker ended with {worker.wait()}")
        except BrokenPipeError:
            raise WorkerDied("the worker ended") from None
        finally:
            self._idle.put(worker)

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self._all if worker.poll() is None]

    def close(self) -> None:
        with self._lock:  # or a call that waits for a worker would start another one
            self._is_closed = True
        for worker in self._all:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
            for stream in (worker.stdin, worker.stdout):
                if stream is not None:
                    stream.close()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._is_closed:
                raise WorkerDied("the pool is closed")
            worker = subprocess.Popen(
                [*WORKER, "lines", "--lanes", "1", "--workspace", str(self._folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environment,
                start_new_session=True,
            )
            self._all.append(worker)
            return worker
