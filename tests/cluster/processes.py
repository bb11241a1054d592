"""The node's processes: started with a mark in their environment, found again by it, ended one by one by pid.

The mark is the cluster's state folder. It survives what pid files do not: a creator killed between a start and
its record, and containerd's shims, which inherit it.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.commands import tail
from tests.cluster.errors import ClusterError
from tests.cluster.settings import PORTS

MARK = "HELIOS_CLUSTER_STATE"
COMPONENTS = ("containerd", *PORTS)


@dataclass(frozen=True)
class Component:
    """A process of the node. Its log is `<name>.log` in the state folder, its pid `<name>.pid`."""

    name: str
    pid: int
    log: Path

    def is_alive(self) -> bool:
        """Whether it still runs; one that ended is reaped."""
        try:
            ended, _ = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            return Path(f"/proc/{self.pid}").exists()
        return ended == 0


def start(state: Path, name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> Component:
    """Starts a component in a session of its own, so that it outlives this process and its terminal."""
    log = state / f"{name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=state,
            env={**os.environ, **(env or {}), MARK: str(state)},
            start_new_session=True,
        )
    (state / f"{name}.pid").write_text(f"{process.pid}\n")
    process.returncode = 0  # not ours to wait for: Popen would complain when it is collected
    return Component(name, process.pid, log)


def wait_until(ready: Callable[[], bool], what: str, *watched: Component, seconds: float = 240) -> None:
    """Waits until `ready`, or until one of the watched components ends. seconds: far more than a busy machine takes.

    Raises:
        ClusterError: it ended or time is up; with the end of the components' logs.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        for component in watched:
            if not component.is_alive():
                raise ClusterError(f"{component.name} ended while we waited for {what}:\n{tail(component.log)}")
        if time.monotonic() > deadline:
            logs = "\n".join(f"--- {component.name}\n{tail(component.log)}" for component in watched)
            raise ClusterError(f"waited {seconds:.0f} s for {what}\n{logs}")
        time.sleep(0.1)


def marked(state: Path) -> list[int]:
    """Pids of all processes that carry the state folder's mark."""
    mark = f"{MARK}={state}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:  # it ended meanwhile
            continue
    return [pid for pid in found if pid != os.getpid()]


def ended(state: Path) -> list[str]:
    """Names of the components that do not run any more, or of all of them where none was started."""
    running = marked(state)
    pids = {name: state / f"{name}.pid" for name in COMPONENTS}
    return [name for name, record in pids.items() if not record.exists() or int(record.read_text()) not in running]


def end(pids: Iterable[int], *, patience: float = 5.0) -> None:
    """Asks processes to end, insists after `patience` seconds, and waits until each is gone.

    Raises:
        ClusterError: one is still there 20 s after SIGKILL.
    """
    waiting = set(pids)
    for signal_, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 20.0)):
        for pid in waiting:
            _signal(pid, signal_)
        deadline = time.monotonic() + seconds
        while waiting and time.monotonic() < deadline:
            waiting = {pid for pid in waiting if _exists(pid)}
            time.sleep(0.02)
        if not waiting:
            return
    raise ClusterError(f"these processes do not end: {sorted(waiting)}")


def _signal(pid: int, which: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, which)


def _exists(pid: int) -> bool:
    """Whether a process runs. One that is dead and not reaped by its parent counts as gone."""
    with contextlib.suppress(ChildProcessError):  # not a child of ours: it was started by another call
        if os.waitpid(pid, os.WNOHANG)[0]:
            return False
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
