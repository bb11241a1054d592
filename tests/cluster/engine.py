"""A Docker daemon: the machine's own when it runs one, else one of ours, ended by its last user.

Ours has no bridge and writes no packet filter rules (images are built on the host's network), so it leaves the
machine's network alone. Its images stay in STATE/docker, and so does the build cache.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import processes
from tests.cluster.commands import check_call, run, step, succeeds
from tests.cluster.debian import require_machine
from tests.cluster.settings import RUN, STATE

_ROOT = STATE / "docker"
_RUN = RUN / "docker"
_SOCKET = _RUN / "docker.sock"
_CLIENT = "/usr/bin/docker"  # Debian's has BuildKit built in; others need a plug-in


@dataclass(frozen=True)
class Engine:
    """How to call docker: the program, and the environment that leads it to its daemon."""

    program: str
    env: Mapping[str, str]

    def __call__(self, *arguments: str | Path, data: str | None = None) -> str:
        """Runs a docker command to its end, with `data` on standard input. Raises ClusterError when it fails."""
        return run(self.program, *arguments, env=self.env, data=data)

    def answers(self, *arguments: str, seconds: float = 30) -> bool:
        """Whether a docker command succeeds."""
        return succeeds(self.program, *arguments, env=self.env, timeout=seconds)

    def show(self, *arguments: str | Path) -> None:
        """Runs a docker command whose output people want to see. Raises ClusterError when it fails."""
        check_call([self.program, *arguments], env=self.env)


@contextmanager
def docker() -> Iterator[Engine]:
    """A Docker daemon for the length of a `with`.

    Raises:
        ClusterError: there is none, and none can be started here.
    """
    machines = Engine("docker", {**os.environ, "DOCKER_BUILDKIT": "1"})
    if machines.answers("version"):
        yield machines
        return
    require_machine()
    _RUN.mkdir(parents=True, exist_ok=True)
    with (_RUN / "users.lock").open("w") as users:
        engine = Engine(_CLIENT, {**machines.env, "DOCKER_HOST": f"unix://{_SOCKET}"})
        with (_RUN / "start.lock").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_SH)
            if not engine.answers("version"):
                _start(engine)
        try:
            yield engine
        finally:
            _end_if_last(users.fileno())


def _start(engine: Engine) -> None:
    processes.end(processes.marked(_ROOT))  # one that was killed in the middle
    (_RUN / "docker.pid").unlink(missing_ok=True)
    _ROOT.mkdir(parents=True, exist_ok=True)
    with step("starting dockerd"):
        command = [
            "/usr/sbin/dockerd",
            f"--host=unix://{_SOCKET}",
            f"--data-root={_ROOT}",
            f"--exec-root={_RUN}/exec",
            f"--pidfile={_RUN}/docker.pid",
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            "--ip-forward=false",
        ]
        daemon = processes.start(_ROOT, "dockerd", command)
        processes.wait_until(lambda: engine.answers("version"), "dockerd", daemon)


def _end_if_last(users: int) -> None:
    """Ends the daemon, unless another process uses it."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    processes.end(processes.marked(_ROOT), patience=15)
