"""A group of processes is at rest while all of its threads sleep."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helios_worker.capture.devtools.idleness import is_at_rest

THREAD_AT_WORK = (
    "import threading, time; threading.Thread(target=lambda: [0 for _ in iter(int, 1)], daemon=True).start(); "
)


@pytest.mark.parametrize(
    ("script", "rests"),
    [
        pytest.param("import sys; print(flush=True); sys.stdin.read()", True, id="waits"),
        pytest.param("print(flush=True)\nwhile True: pass", False, id="computes"),
        pytest.param(THREAD_AT_WORK + "print(flush=True); time.sleep(60)", False, id="one thread computes"),
        pytest.param(
            "import subprocess, sys\n"
            "subprocess.Popen([sys.executable, '-c', 'print(flush=True)\\nwhile True: pass']).wait()",
            False,
            id="a process that it has started computes",
        ),
    ],
)
def test_a_browser_at_rest(script: str, rests: bool):
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it has begun
        try:
            deadline = time.monotonic() + 10
            looks = [asyncio.run(is_at_rest(process.pid)) for _ in range(5)]
            while rests and not looks[-1] and time.monotonic() < deadline:  # it may not have come to its wait yet
                looks.append(asyncio.run(is_at_rest(process.pid)))
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    assert looks[-1] if rests else not any(looks), looks


def test_where_nobody_can_tell(tmp_path: Path):
    assert asyncio.run(is_at_rest(1, proc=tmp_path)) is True
