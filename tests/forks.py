"""A Python program as a process of its own that need not import anything: a fork of a server that has done so.

Most of a short command's time is the import of its libraries: `heliosctl jobs list` takes a second of a processor, and
0.1 as a fork. The server is Python's own (multiprocessing's forkserver), one for each process that runs tests; it and
its forks end with that process. A fork differs from a fresh process in its command line and environment as /proc
shows them, so who looks for a program by these, or stops one in its tracks, starts it afresh.

This module imports little, since each fork imports it.
"""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from pathlib import Path

PR_SET_PDEATHSIG = 1


def run(
    name: str, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], seconds: float
) -> subprocess.CompletedProcess[bytes]:
    """Runs a program to its end, with nothing on its standard input.

    name: of a console script of ours.

    Raises:
        TimeoutExpired: it was killed for taking longer than this.
    """
    deadline = time.monotonic() + seconds
    told, tells = zip(*(multiprocessing.Pipe(duplex=False) for _ in range(2)), strict=True)
    process = _server().Process(target=_become, args=(name, list(arguments), str(cwd), dict(env), tells), daemon=True)
    process.start()
    for end in tells:
        end.close()
    said = {end: bytearray() for end in told}
    open_ends = set(told)
    try:
        while open_ends:
            ready = wait(list(open_ends), timeout=max(0.0, deadline - time.monotonic()))
            if not ready:
                raise subprocess.TimeoutExpired([name, *arguments], seconds)
            for end in ready:
                assert isinstance(end, Connection)
                data = os.read(end.fileno(), 1 << 16)
                said[end] += data
                if not data:
                    open_ends.remove(end)
        process.join(max(0.0, deadline - time.monotonic()))
        if process.exitcode is None:
            raise subprocess.TimeoutExpired([name, *arguments], seconds)
    finally:
        process.kill()
        process.join()
        for end in told:
            end.close()
    return subprocess.CompletedProcess([name, *arguments], process.exitcode, *map(bytes, said.values()))


@cache
def _server() -> ForkServerContext:
    from heliosctl.app import COMMANDS

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [__name__, "heliosctl.main", "heliosctl.app", *{command.module for command in COMMANDS.values()}]
    )
    return context


def _become(
    name: str, arguments: list[str], cwd: str, env: dict[str, str], tells: tuple[Connection, Connection]
) -> None:
    """Runs in the fork, whose parent ends with the tests."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for number, end in enumerate(tells, start=1):
        os.dup2(end.fileno(), number)
        end.close()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = [name, *arguments]
    (script,) = entry_points(group="console_scripts", name=name)
    sys.exit(script.load()())
