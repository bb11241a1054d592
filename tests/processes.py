"""The processes below one: browsers, workers, whatever a test looks for or waits for."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

TEST = "PYTEST_CURRENT_TEST"


async def until(condition: Callable[[], bool], what: str, seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # of other processes, which set no event
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        await asyncio.sleep(0.02)


def parents_of_all() -> dict[int, int]:
    """The living processes, with their parents."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            except OSError:
                continue
            if state != "Z":
                parents[int(entry.name)] = int(parent)
    return parents


def descendants(root: int) -> list[int]:
    """The living processes below one."""
    parents = parents_of_all()
    family = {root}
    while grown := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= grown
    return sorted(family - {root})


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def origin(pid: int) -> list[str]:
    """The process and those above it, up to pytest: the test that each was started in, and its command line."""
    parents = parents_of_all()
    found = []
    while pid in parents and pid != os.getpid():
        with suppress(OSError):
            environment = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
            tests = [value.removeprefix(f"{TEST}=") for value in environment if value.startswith(f"{TEST}=")]
            found.append(f"{pid} {' '.join(tests)}: {command_line(pid)[:120]}")
        pid = parents[pid]
    return found


def command_lines(root: int) -> dict[int, str]:
    """The living processes below one, with their command lines."""
    return {pid: command_line(pid) for pid in descendants(root)}


def browsers(root: int) -> list[int]:
    """The browser processes below a process."""
    return browsers_among(command_lines(root))


def browsers_among(lines: Mapping[int, str]) -> list[int]:
    """Those processes that are browsers, by command line: not their own children, not Debian's shell around them."""
    return parents_among(
        {
            pid
            for pid, line in lines.items()
            if "--remote-debugging-pipe" in line and "--type=" not in line and not line.startswith("/bin/sh ")
        }
    )


def workers_among(lines: Mapping[int, str]) -> list[int]:
    """Those processes that are workers of the local adapter, by command line."""
    return parents_among({pid for pid, line in lines.items() if "entrypoints.process lines" in line})


def parents_among(alike: set[int]) -> list[int]:
    """Without their children: those have their parent's command line until they have become another program."""
    parents = parents_of_all()
    return [pid for pid in sorted(alike) if pid in parents and parents[pid] not in alike]


def send_signal(pid: int, which: signal.Signals) -> None:
    """Signals a process, unless it has ended since it was looked for."""
    with suppress(ProcessLookupError):
        os.kill(pid, which)
