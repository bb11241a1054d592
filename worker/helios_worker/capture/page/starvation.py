"""Whether the machine gives a browser the processors that it asks for, by the kernel's count of waiting.

A script that does not return on an overloaded machine may be one that has hardly run. For each thread, the kernel
counts the time on a processor, and the time for which it was ready to run and waited: /proc/PID/task/TID/schedstat.
"""

import asyncio
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from helios_crds.numbers import exact_number, shown
from helios_worker.errors import UserError

SAMPLE_SECONDS = 1.0
ENOUGH_SECONDS = 0.2
"""A browser that wants less of a second than this is not short of a processor, whatever share of it was waiting."""
OVERLOADED = 0.8
"""The share from which on the machine is to blame: with a fifth of a processor, a page needs five times as long."""
VARIABLE = "HELIOS_OVERLOADED"


def overloaded_share(environment: Mapping[str, str] = os.environ) -> float:
    """The share of waiting from which on a late frame is the machine's fault. Above 1: it never is.

    Raises:
        UserError: HELIOS_OVERLOADED is not a number.
    """
    text = environment.get(VARIABLE) or str(OVERLOADED)
    share = exact_number(text)
    if share is None:
        raise UserError(f"{VARIABLE} is {shown(text)!r}, which is not a number", remedy="write a share, such as 0.8")
    return float(share)


async def waiting_share(pids: Iterable[int], proc: Path = Path("/proc")) -> float:
    """Which share of the time that processes could have had they waited for a processor, in the next second.

    Threads that wait for each other's processors are no sign of a machine that is short of them: nobody can have more
    than all. 0 where they want nothing, or where the kernel does not say.
    """
    processes = list(pids)
    began = time.monotonic()
    ran, waited = _times(processes, proc)
    await asyncio.sleep(SAMPLE_SECONDS)
    ran_after, waited_after = _times(processes, proc)
    running, waiting = ran_after - ran, waited_after - waited
    if running + waiting < ENOUGH_SECONDS:
        return 0.0
    most = _processors(processes) * (time.monotonic() - began)
    return max(0.0, 1 - running / min(running + waiting, most))


def _processors(pids: list[int]) -> int:
    """How many processors processes may run on."""
    allowed: set[int] = set()
    for pid in pids:
        with suppress(OSError):
            allowed |= os.sched_getaffinity(pid)
    return len(allowed) or 1


def _times(pids: list[int], proc: Path) -> tuple[float, float]:
    """Seconds on a processor and seconds of waiting for one, of all threads of the processes that are still there."""
    ran = waited = 0
    for pid in pids:
        for file in proc.glob(f"{pid}/task/*/schedstat"):
            try:
                on, off, _ = file.read_text().split()
            except (OSError, ValueError):
                continue
            ran, waited = ran + int(on), waited + int(off)
    return ran / 1e9, waited / 1e9
