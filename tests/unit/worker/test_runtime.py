"""What a stage's end comes to in a reply, for ends that are hard to bring about: the stage itself is the test's."""

import asyncio
import errno
import os
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from helios_crds.wire import ExitCode, Payload
from helios_worker.capture.faults import StackOverflow
from helios_worker.errors import ResourceError
from helios_worker.runtime import WorkerRuntime

CHUNK = Payload(jobPath="x", chunkIndex=0)


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[WorkerRuntime]:
    worker = WorkerRuntime(tmp_path, lanes=1)
    yield worker
    worker.close()


def with_stage(runtime: WorkerRuntime, monkeypatch: pytest.MonkeyPatch, stage: Coroutine[Any, Any, Any]) -> None:
    monkeypatch.setattr(runtime, "_stage", lambda payload: stage)


async def raising(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        pytest.param(ResourceError("no room"), 75, "no room", id="ours"),
        pytest.param(MemoryError(), 75, "chunk: there is not enough memory", id="memory"),
        pytest.param(
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/x"),
            75,
            "chunk: /tmp/x cannot be written: No space left on device; give the workspace more room",
            id="disk",
        ),
        pytest.param(OSError(errno.EACCES, "Permission denied"), 1, "PermissionError: ", id="another one's"),
        pytest.param(KeyError("x"), 1, "KeyError: 'x'", id="a defect"),
        pytest.param(asyncio.CancelledError(), 1, "CancelledError:", id="cancelled by nobody"),
    ],
)
def test_ends(runtime, monkeypatch, error, code, said):
    with_stage(runtime, monkeypatch, raising(error))
    reply = runtime.process(CHUNK)
    assert reply.exitCode == code
    assert reply.stderr.startswith(said)


def test_a_stage_is_stopped_from_another_thread_and_the_next_is_not(runtime, monkeypatch):
    begun = threading.Event()

    async def waiting() -> None:
        begun.set()
        await asyncio.Event().wait()

    async def short() -> dict[str, Any]:
        return {"chunk": 0}

    def stop() -> None:
        assert begun.wait(5)
        assert runtime.stop(ExitCode.TERMINATED, "told to stop")

    with_stage(runtime, monkeypatch, waiting())
    stopper = threading.Thread(target=stop)
    stopper.start()
    reply = runtime.process(CHUNK)
    stopper.join()
    assert (reply.exitCode, reply.stderr) == (143, "told to stop")
    assert not runtime.stop(ExitCode.TERMINATED, "nothing is under way")
    with_stage(runtime, monkeypatch, short())
    assert runtime.process(CHUNK).result == {"chunk": 0}


@pytest.mark.parametrize(("attempt", "code"), [(1, ExitCode.RETRYABLE), (2, ExitCode.USER_ERROR)])
def test_a_chunk_ends_its_film_only_if_its_browser_overflows_twice(runtime, monkeypatch, attempt, code):
    async def chunk():
        raise StackOverflow("nested too deep", remedy="nest less")

    with_stage(runtime, monkeypatch, chunk())
    reply = runtime.process(CHUNK.model_copy(update={"attempt": attempt}))
    assert (reply.exitCode, reply.stderr) == (code, "nested too deep; nest less")


def test_libraries_of_rare_uses_are_imported_when_they_are_needed():
    program = """
import sys, helios_worker.runtime
late = {"aiohttp", "av", "boto3", "numpy", "PIL"}
print(sorted(late & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
