"""Containers of pods, seen from the machine that runs them: held still as a machine that swaps, and let go."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep
from typing import Any, TypeVar

from tests.e2e.cluster import QUIET, Cluster
from tests.progress import Standstill

Found = TypeVar("Found")
PAUSE = 0.3
"""Seconds between two looks."""


def eventually(find: Callable[[], Found | None], what: str, **signs: Callable[[], object]) -> Found:
    """What `find` returns, once it is something. signs: of progress on the way, each by its name.

    Raises:
        AssertionError: it is nothing, and no sign has changed for long.
    """
    progress = Standstill(what)
    while not (found := find()):
        if progress.seconds > QUIET:  # signs may cost more to read
            progress.look(**{name: sign() for name, sign in signs.items()})
        sleep(PAUSE)
    return found


def chunk_pods(cluster: Cluster, namespace: str, name: str) -> dict[int, dict[str, Any]]:
    """The youngest pod of each chunk of a RenderJob."""
    items = cluster.get("pods", namespace, labelSelector="helios.video/stage=chunk")["items"]
    items.sort(key=lambda pod: pod["metadata"]["creationTimestamp"])
    ours = [pod for pod in items if pod["metadata"]["labels"]["job-name"].startswith(f"{name}-")]
    return {int(pod["metadata"]["labels"]["helios.video/chunk"]): pod for pod in ours}


def held_chunks(cluster: Cluster, namespace: str, name: str, count: int) -> Iterator[tuple[int, "Held"]]:
    """The first `count` chunks of a RenderJob, each held still as soon as it runs, so that it is in the middle."""
    seen: set[int] = set()

    def next_one() -> tuple[int, Held] | None:
        for chunk, pod in chunk_pods(cluster, namespace, name).items():
            told = (pod["status"].get("containerStatuses") or [{}])[0]
            if chunk not in seen and "running" in told.get("state", {}):
                return chunk, Held(pod["metadata"]["name"], told["containerID"].partition("://")[2])
        return None

    while len(seen) < count:
        found = eventually(
            next_one, f"another chunk of {name} than {seen or 'none'} to run", moving=lambda: cluster.newest(namespace)
        )
        seen.add(found[0])
        yield found


class Held:
    """A container whose processes do nothing until `release`. pod: the name of its pod."""

    def __init__(self, pod: str, container: str) -> None:
        self.pod = pod
        self._container = container
        stopped: set[int] = set()
        while fresh := set(self._processes()) - stopped:  # those that a process had started before it was stopped
            for pid in fresh:
                _signal(pid, signal.SIGSTOP)
            stopped |= fresh
        assert stopped, f"{pod} has ended before it could be held"

    def release(self) -> None:
        """Lets it go on."""
        for pid in self._processes():
            _signal(pid, signal.SIGCONT)

    def _processes(self) -> Iterator[int]:
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it ended meanwhile
                if self._container in (folder / "cgroup").read_text():
                    yield int(folder.name)


@contextlib.contextmanager
def silent(pid: int) -> Iterator[None]:
    """A process that does nothing meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _signal(pid: int, which: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, which)
