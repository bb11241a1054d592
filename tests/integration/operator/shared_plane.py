"""One control plane for all processes that run tests of a session at once.

Whoever comes first starts it, and ends it when all others have left; it ends with that process in any case.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.cluster.cache import locked
from tests.cluster.control_plane import ControlPlane

CRDS = Path(__file__).parents[3] / "crds"


@contextmanager
def control_plane(folder: Path) -> Iterator[ControlPlane]:
    """A control plane that knows RenderJobs."""
    with ControlPlane(folder) as found:
        found.kubectl("apply", "--server-side", "-f", str(CRDS))
        found.kubectl("wait", "--for=condition=Established", "crd", "--all")
        yield found


@contextmanager
def shared_plane(folder: Path) -> Iterator[ControlPlane]:
    """The control plane of all who name this folder. Its users share a lock that its owner waits for."""
    folder.mkdir(exist_ok=True)
    running = folder / "running.json"
    with ExitStack() as stack:
        users = stack.enter_context((folder / "users.lock").open("w"))
        with locked(folder / "start.lock"):
            fcntl.flock(users, fcntl.LOCK_SH)  # not while an owner ends one
            if running.exists():
                home, ports = json.loads(running.read_text())
                plane = ControlPlane(folder / home, ports)
            else:
                home = f"plane-{os.getpid()}"
                plane = stack.enter_context(control_plane(folder / home))
                running.write_text(json.dumps([home, plane.ports]))
                stack.callback(running.unlink)
                stack.callback(fcntl.flock, users, fcntl.LOCK_EX)  # when all others have left
        yield plane
