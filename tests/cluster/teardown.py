"""Removes a cluster, whole or in pieces: what is there is found on the machine, not in a record of it."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.cluster import cgroups, network, processes
from tests.cluster.commands import succeeds
from tests.cluster.errors import ClusterError
from tests.cluster.place import Place

_DEVICES = Path("/var/lib/kubelet/device-plugins")


def remove(place: Place) -> None:
    """Ends the cluster's processes, unmounts, takes its network back and deletes its folders.

    Harmless where nothing is left to do, so it also cleans up after a creation or a removal that was killed.

    Raises:
        ClusterError: a process, mount or control group cannot be removed.
    """
    place.ready.unlink(missing_ok=True)
    # Nothing that they would save in peace is kept, and the API server takes its time over open watches.
    kubelet = [pid for pid in processes.marked(place.state) if _program(pid) == "kubelet"]
    processes.end(kubelet, patience=1)  # first, or it starts again what is ended next
    processes.end(cgroups.members(place), patience=0)
    processes.end(processes.marked(place.state), patience=1)
    processes.end(cgroups.members(place), patience=0)
    for mount in reversed(list(_mounts(place))):
        if not succeeds("umount", mount):
            succeeds("umount", "--lazy", mount)
    if left := list(_mounts(place)):
        raise ClusterError(f"these mounts stay: {' '.join(left)}")
    network.restore(place)
    cgroups.remove(place)
    _remove_kubelets_traces(place)
    for folder in (place.run, place.state):
        if folder.exists():
            shutil.rmtree(folder)


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _mounts(place: Place) -> Iterator[str]:
    """Mount points below the cluster's folders, in the order in which they were mounted."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split()[4].encode().decode("unicode_escape")
        if any(Path(point).is_relative_to(folder) for folder in (place.state, place.run)):
            yield point


def _remove_kubelets_traces(place: Place) -> None:
    """Removes what the kubelet puts outside its folder: links to this cluster's logs, and a socket for devices."""
    for link in Path("/var/log/containers").glob("*.log"):
        if link.is_symlink() and link.readlink().is_relative_to(place.state):
            link.unlink(missing_ok=True)
    (_DEVICES / "kubelet.sock").unlink(missing_ok=True)
    for folder in (_DEVICES, _DEVICES.parent):
        with contextlib.suppress(OSError):  # absent, or another kubelet's
            folder.rmdir()
