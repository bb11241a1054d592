"""The control group below which all of a cluster's pods run: how their processes are found, whoever started them."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.place import Place

_ROOT = Path("/sys/fs/cgroup")


def create(place: Place) -> None:
    """Makes the group, in each hierarchy of version 1 or in the one of version 2. The kubelet wants to find it."""
    if (_ROOT / "cgroup.controllers").exists():
        hierarchies = [_ROOT]
    else:
        hierarchies = [folder for folder in _ROOT.iterdir() if (folder / "cgroup.procs").exists()]
    for hierarchy in hierarchies:
        (hierarchy / place.cgroup).mkdir(exist_ok=True)


def members(place: Place) -> set[int]:
    """Pids of the pods' processes."""
    found: set[int] = set()
    for root in _folders(place):
        for folder, _, _ in os.walk(root):
            try:
                found |= {int(pid) for pid in Path(folder, "cgroup.procs").read_text().split()}
            except OSError:  # removed meanwhile
                continue
    return found


def remove(place: Place) -> None:
    """Removes the group and all below it, innermost first.

    Raises:
        ClusterError: it is not empty, after the moment that the kernel takes to see that a process is gone.
    """
    deadline = time.monotonic() + 5
    for root in list(_folders(place)):
        for folder, _, _ in os.walk(root, topdown=False):
            while not _removed(Path(folder)):
                if time.monotonic() > deadline:
                    raise ClusterError(f"the control group {folder} cannot be removed: a process is still in it")
                time.sleep(0.05)


def _folders(place: Place) -> Iterator[Path]:
    for folder in (_ROOT / place.cgroup, *_ROOT.glob(f"*/{place.cgroup}")):
        if folder.is_dir():
            yield folder


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
