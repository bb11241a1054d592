"""Whether a browser has nothing left to do, by the states of its threads: /proc/PID/task/TID/stat.

What a page waits for may depend on its own next step, on the clock, or on the browser. If all threads of the browser's
processes sleep and the network is quiet, nothing will come of the browser. A thread that is ready to run but waits for
a processor does not count as asleep, so a busy machine changes nothing.
"""

import asyncio
from pathlib import Path

SLEEPS = frozenset("SIZXx")
GLANCES = 10
GLANCE_SECONDS = 0.003
UNKNOWN_SECONDS = 0.1
"""How long the browser gets where the kernel does not tell the states of threads."""


async def is_at_rest(group: int, proc: Path = Path("/proc")) -> bool:
    """Whether all threads of a group of processes sleep, now or in a moment, after what they are just at the end of.

    True, after a while, where nobody can tell. group: the number of the process that leads it.
    """
    for _ in range(GLANCES):
        states = _states(group, proc)
        if not states:
            await asyncio.sleep(UNKNOWN_SECONDS)
        if all(state in SLEEPS for state in states):
            return True
        await asyncio.sleep(GLANCE_SECONDS)
    return False


def _states(group: int, proc: Path) -> list[str]:
    """The states of all threads, one letter each as in proc(5); X of a thread that has ended."""
    members = [stat.parent for stat in proc.glob("[0-9]*/stat") if _fields(stat)[2:3] == [str(group)]]
    return [next(iter(_fields(thread)), "X") for member in members for thread in member.glob("task/*/stat")]


def _fields(stat: Path) -> list[str]:
    """State, parent, group and so on; empty for what has ended."""
    try:
        return stat.read_text().rpartition(")")[2].split()
    except OSError:
        return []
