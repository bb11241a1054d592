"""The process of a worker on this machine. It can be started before there is an event loop, and before most imports."""

import os
import signal
import subprocess
import sys
from pathlib import Path

MODULE = "helios_worker.entrypoints.process"
END_SECONDS = 5


def arguments(*, lanes: int | None = None, workspace: Path | None = None, headers_first: bool = False) -> list[str]:
    """The command line of a worker that answers payloads, one a line."""
    words = [sys.executable, "-m", MODULE, "lines", "--allow-commands"]
    if lanes is not None:
        words += ["--lanes", str(lanes)]
    if workspace is not None:
        words += ["--workspace", str(workspace)]
    if headers_first:
        words.append("--headers-first")
    return words


def start(words: list[str]) -> subprocess.Popen[bytes]:
    """Starts a worker, in a process group of its own.

    Raises:
        OSError: there is no room for another process.
    """
    pipe = subprocess.PIPE
    return subprocess.Popen(words, bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a worker that nothing was asked of, and waits for that: closes its input, then kills it."""
    try:
        process.communicate(timeout=END_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
