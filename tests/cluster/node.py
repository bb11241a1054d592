"""Creates the cluster: one node, from the store to the kubelet, in the order in which they need each other."""

import json
import socket
from pathlib import Path

from tests.cluster import certificates, cgroups, configuration, network, pause, teardown
from tests.cluster.binaries import node_programs
from tests.cluster.cache import locked
from tests.cluster.commands import run, say, step, succeeds
from tests.cluster.debian import require_machine
from tests.cluster.errors import ClusterError
from tests.cluster.place import Place, clusters
from tests.cluster.processes import Component, ended, start, wait_until
from tests.cluster.settings import NODE_ADDRESS, POD_SUBNET, RUN, SERVICE_SUBNET
from tests.cluster.storage import volumes

ETCD = "http://127.0.0.1:2479"
ETCD_PEER = "http://127.0.0.1:2480"
LOCK = RUN / "lock"


def create(name: str, kubeconfig: Path) -> None:
    """Creates the cluster and writes its kubeconfig. When that fails, or is interrupted, nothing is left.

    Raises:
        ClusterError: there is such a cluster, another one has the machine, a port is taken, or a component failed.
    """
    place = Place(name)
    require_machine()
    programs = node_programs()
    remove_ended()
    with locked(LOCK):
        _require_room(place)
        teardown.remove(place)  # what a killed creation left
        network.require_free_ports()
        try:
            with step(f"starting the node of cluster {name}"):
                _start(place, programs)
        except BaseException:
            say("   removing what was started")
            teardown.remove(place)
            raise
        kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(certificates.kubeconfig(place.etc, "admin", f"kind-{name}"))
        place.ready.touch()


def delete(name: str, kubeconfig: Path | None) -> bool:
    """Removes the cluster and its entry in a kubeconfig. Returns whether there was one, complete or not."""
    place = Place(name)
    with locked(LOCK):
        known = name in clusters(complete=False)
        if known:
            with step(f"removing cluster {name}"):
                teardown.remove(place)
    if kubeconfig is not None and kubeconfig.exists() and f"kind-{name}" in kubeconfig.read_text():
        kubeconfig.unlink()
    return known


def remove_ended() -> None:
    """Removes what is no cluster any more, since a component has ended: with a reboot, or with who started it."""
    with locked(LOCK):  # so that none is being created
        for place in map(Place, clusters(complete=False)):
            if ended(place.state):
                with step(f"removing what is left of cluster {place.name}"):
                    teardown.remove(place)


def _require_room(place: Place) -> None:
    if place.ready.exists():
        raise ClusterError(f"node(s) already exist for a cluster with the name {place.name!r}")
    if others := [name for name in clusters(complete=False) if name != place.name]:
        raise ClusterError(
            f"cluster {others[0]!r} is on this machine, and there is room for one: "
            f"remove it with `kind delete cluster --name={others[0]}`"
        )


def _start(place: Place, programs: Path) -> None:
    place.state.mkdir(parents=True)
    place.run.mkdir(parents=True)
    network.prepare(place)
    certificates.issue(place.etc, place.node)
    configuration.write(place)
    cgroups.create(place)

    containerd = start(place.state, "containerd", ["containerd", "-c", place.etc / "containerd.toml"])
    etcd = start(place.state, "etcd", [programs / "etcd", *_etcd(place)])
    # It retries until etcd answers.
    apiserver = start(place.state, "kube-apiserver", [programs / "kube-apiserver", *_apiserver(place)])
    wait_until(place.containerd_socket.exists, "containerd's socket", containerd)
    pause.load(place, programs / "pause")

    kubectl: list[str | Path] = [programs / "kubectl", "--kubeconfig", place.admin]
    wait_until(
        lambda: _listens(6443) and succeeds(*kubectl, "get", "--raw", "/readyz"), "the API server", apiserver, etcd
    )
    others = _others(place, programs)
    run(*kubectl, "apply", "-f", "-", data=json.dumps(_objects(place)), timeout=30)
    wait_until(lambda: _is_ready(place, kubectl), "the node to be Ready", apiserver, containerd, *others)
    wait_until(
        lambda: succeeds(*kubectl, "get", "serviceaccount", "default"),
        "the default service account",
        apiserver,
        *others,
    )


def _etcd(place: Place) -> list[str]:
    return [
        f"--data-dir={place.state}/etcd-data",
        "--unsafe-no-fsync",
        f"--listen-client-urls={ETCD}",
        f"--advertise-client-urls={ETCD}",
        f"--listen-peer-urls={ETCD_PEER}",
        f"--initial-advertise-peer-urls={ETCD_PEER}",
        f"--initial-cluster=default={ETCD_PEER}",
    ]


def _apiserver(place: Place) -> list[str]:
    etc = place.etc
    return [
        f"--etcd-servers={ETCD}",
        f"--service-cluster-ip-range={SERVICE_SUBNET}",
        "--secure-port=6443",
        f"--advertise-address={NODE_ADDRESS}",
        f"--cert-dir={etc}",
        f"--tls-cert-file={etc}/apiserver.crt",
        f"--tls-private-key-file={etc}/apiserver.key",
        f"--client-ca-file={etc}/ca.crt",
        f"--kubelet-client-certificate={etc}/admin.crt",
        f"--kubelet-client-key={etc}/admin.key",
        "--kubelet-preferred-address-types=InternalIP",  # no name server knows the node
        f"--service-account-key-file={etc}/tokens.pub",
        f"--service-account-signing-key-file={etc}/tokens.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
    ]


def _others(place: Place, programs: Path) -> list[Component]:
    """Starts what talks to the API server only."""
    etc = place.etc
    commands = {
        "kube-controller-manager": [
            f"--kubeconfig={etc}/controller-manager.kubeconfig",
            f"--service-account-private-key-file={etc}/tokens.key",
            f"--root-ca-file={etc}/ca.crt",
            "--use-service-account-credentials",
            "--leader-elect=false",
            "--node-monitor-period=1s",
            "--node-monitor-grace-period=12s",  # a node that is gone is noticed within a test; 50 s otherwise
        ],
        "kube-scheduler": [f"--kubeconfig={etc}/scheduler.kubeconfig", "--leader-elect=false"],
        "kubelet": [
            f"--config={etc}/kubelet.yaml",
            f"--kubeconfig={etc}/kubelet.kubeconfig",
            f"--hostname-override={place.node}",
            f"--node-ip={NODE_ADDRESS}",
            f"--root-dir={place.state}/kubelet",
            f"--cert-dir={place.state}/kubelet/pki",
        ],
        "kube-proxy": [
            f"--kubeconfig={etc}/proxy.kubeconfig",
            f"--hostname-override={place.node}",
            "--proxy-mode=nftables",
            f"--cluster-cidr={POD_SUBNET}",
            # A pod's answer to its neighbour would cross the bridge unseen and keep its own address.
            "--masquerade-all",
            "--conntrack-max-per-core=0",
        ],
    }
    return [start(place.state, name, [programs / name, *arguments]) for name, arguments in commands.items()]


def _objects(place: Place) -> object:
    """What a cluster has from the start: rights for kube-proxy, and volumes to claim."""
    proxy = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "node-proxier"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:node-proxier"},
        "subjects": [{"kind": "User", "name": "system:kube-proxy"}],
    }
    return {"apiVersion": "v1", "kind": "List", "items": [proxy, *volumes(place)]}


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_ready(place: Place, kubectl: list[str | Path]) -> bool:
    path = '{.status.conditions[?(@.type=="Ready")].status}'
    try:
        return run(*kubectl, "get", "node", place.node, "-o", f"jsonpath={path}") == "True"
    except ClusterError:
        return False
