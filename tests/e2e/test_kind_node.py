"""The node of tests/cluster leaves nothing behind, however its creation ends."""

import fcntl
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import cgroups, network, node, processes
from tests.cluster.binaries import node_programs
from tests.cluster.debian import obstacle, require_machine
from tests.cluster.place import Place, clusters
from tests.cluster.settings import BRIDGE, HERE, RUN

KIND = str(HERE / "kind")


@pytest.fixture(scope="module")
def machine(request: pytest.FixtureRequest) -> Iterator[None]:
    """This machine, with room for a node and everything built."""
    if request.config.option.kind_bin not in (None, KIND):
        pytest.skip("the real kind is under its own tests")
    if reason := obstacle():
        pytest.skip(reason)
    require_machine()
    node_programs()
    with (RUN / "tests.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pytest.skip("another test session has a cluster on this machine")
        node.remove_ended()
        if names := clusters(complete=False):
            pytest.skip(f"cluster {names[0]!r} is on this machine")
        yield


def left_of(place: Place) -> list[str]:
    """What a person would find of a cluster: with ps, findmnt, ip link and ls."""
    mounts = Path("/proc/self/mountinfo").read_text()
    found = [f"process {pid}" for pid in (*processes.marked(place.state), *cgroups.members(place))]
    found += [f"mount below {folder}" for folder in (place.state, place.run) if f" {folder}/" in mounts]
    found += [str(path) for path in (place.state, place.run, Path("/sys/class/net", BRIDGE)) if path.exists()]
    found += [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/{place.cgroup}")]
    addresses = subprocess.run(["ip", "addr", "show", "lo"], capture_output=True, text=True, check=True).stdout
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    found += ["the node's address"] if "10.95.0.1" in addresses else []
    found += ["packet filter rules"] if "helios" in rules else []
    return found


@pytest.mark.parametrize(
    ("how", "code", "component"),
    [
        pytest.param(signal.SIGKILL, -signal.SIGKILL, "containerd", id="killed at the first component"),
        pytest.param(signal.SIGKILL, -signal.SIGKILL, "kubelet", id="killed when pods could start"),
        pytest.param(signal.SIGTERM, 130, "kube-apiserver", id="told to stop"),
    ],
)
def test_a_creation_cut_off_is_removed(machine, tmp_path, how, code, component):
    place = Place("cut-off")
    arguments = ("cluster", "--name=cut-off", f"--kubeconfig={tmp_path / 'kubeconfig'}")
    creation = subprocess.Popen([KIND, "create", *arguments])
    deadline = time.monotonic() + 120
    while not (place.state / f"{component}.pid").exists():
        assert creation.poll() is None, "the creation ended by itself"
        assert time.monotonic() < deadline, f"{component} was not started"
        time.sleep(0.02)
    creation.send_signal(how)
    assert creation.wait(60) == code
    if how == signal.SIGKILL:
        assert left_of(place)
        subprocess.run([KIND, "delete", *arguments], check=True)
    assert left_of(place) == []
    network.require_free_ports()
    assert subprocess.run([KIND, "get", "clusters"], capture_output=True, text=True, check=True).stdout == ""


def test_a_cluster_whose_components_ended_makes_room(machine, tmp_path):
    """As after a reboot, or when all that a session started was killed with it."""
    arguments = ("cluster", "--name=cut-off", f"--kubeconfig={tmp_path / 'kubeconfig'}")
    subprocess.run([KIND, "create", *arguments], check=True)
    place = Place("cut-off")
    processes.end(processes.marked(place.state), patience=0)
    assert "ended" in subprocess.run([KIND, "status"], capture_output=True, text=True, check=True).stdout
    assert subprocess.run([KIND, "get", "clusters"], capture_output=True, text=True, check=True).stdout == ""
    assert left_of(place) == []


def test_a_taken_port_is_named(machine, tmp_path):
    listener = subprocess.Popen(
        ["python3", "-c", "import socket; s = socket.create_server(('', 6443)); print(flush=True); s.accept()"],
        stdout=subprocess.PIPE,
    )
    assert listener.stdout is not None
    try:
        listener.stdout.readline()
        command = [KIND, "create", "cluster", "--name=no-port", f"--kubeconfig={tmp_path / 'kubeconfig'}"]
        said = subprocess.run(command, capture_output=True, text=True)
        assert said.returncode == 1
        assert "port 6443 is taken, and kube-apiserver needs it" in said.stderr
        assert left_of(Place("no-port")) == []
    finally:
        listener.kill()
        listener.wait()
        listener.stdout.close()
