"""A control plane without a node: the real API server, controllers and scheduler, over pods that kwok plays.

For what is between the operator and the API server: faults at every write, renders by the thousand, refusals.
It needs neither containerd nor root, takes free ports, and ends with the process that started it, so several may
run on a machine, beside a cluster too. Its parts can be ended and started again, as in a real outage.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.cluster import certificates, fake_workers
from tests.cluster.binaries import node_programs, tool
from tests.cluster.commands import run, succeeds
from tests.cluster.processes import Component, end, marked, start, wait_until
from tests.cluster.settings import SERVICE_SUBNET
from tests.ports import free_port

NODE = "fake-node"
ETCD, API_SERVER = "etcd", "kube-apiserver"
CONTROLLER_MANAGER, SCHEDULER, KWOK = "kube-controller-manager", "kube-scheduler", "kwok"
# The defaults of 20 requests a second would be all that a benchmark measures.
UNLIMITED = ("--kube-api-qps=1000", "--kube-api-burst=2000")


class ControlPlane:
    """One control plane, its data and logs in a folder.

    Use it as a context manager, or for one that another process runs, whose `ports` are given. kubeconfig: of an
    administrator.
    """

    def __init__(self, folder: Path, ports: Sequence[int] | None = None) -> None:
        self.folder = folder
        self.kubeconfig = folder / "admin.kubeconfig"
        self._etc = folder / "etc"
        self._programs = node_programs()
        self.ports = ports or [free_port() for _ in range(3)]
        self._etcd, self._etcd_peer, self._port = self.ports
        self._running: dict[str, Component] = {}

    @property
    def server(self) -> str:
        """Address of the API server."""
        return f"https://127.0.0.1:{self._port}"

    @property
    def certificate(self) -> tuple[Path, Path, Path]:
        """The authority, and an administrator's certificate and key."""
        return self._etc / "ca.crt", self._etc / "admin.crt", self._etc / "admin.key"

    def __enter__(self) -> "ControlPlane":
        self.folder.mkdir(parents=True, exist_ok=True)
        certificates.issue(self._etc, NODE, self.server)
        shutil.copy(self._etc / "admin.kubeconfig", self.kubeconfig)
        (self._etc / "kwok.yaml").write_text(fake_workers.stages())
        try:
            self.start(ETCD, API_SERVER)
            self.start(CONTROLLER_MANAGER, SCHEDULER, KWOK)  # they give up on a server that is not ready in ten seconds
            self.apply(fake_workers.node(NODE))
            kubectl = ("get", "serviceaccount", "default")
            wait_until(lambda: self.answers(*kubectl), "the default service account", *self._running.values())
        except BaseException:
            self._end_all()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end_all()

    def start(self, *names: str) -> None:
        """Starts parts, and waits until the API server answers if it is one of them."""
        for name in names:
            # setpriv: a part must not outlive the tests, however they end.
            guard = ("setpriv", "--pdeathsig", "KILL", "--")
            self._running[name] = start(self.folder, name, [*guard, *self._command(name)])
        if API_SERVER in names:
            wait_until(lambda: self.answers("get", "--raw", "/readyz"), "the API server", *self._running.values())

    def stop(self, *names: str) -> None:
        """Kills parts; their data stays."""
        end([self._running.pop(name).pid for name in names], patience=0)

    def pid(self, name: str) -> int:
        """Process of a part."""
        return self._running[name].pid

    def kubectl(self, *arguments: str, data: str | None = None) -> str:
        """Standard output of a kubectl command.

        Raises:
            ClusterError: it failed; with what it said.
        """
        return run(self._programs / "kubectl", "--kubeconfig", self.kubeconfig, *arguments, data=data, timeout=120)

    def answers(self, *arguments: str) -> bool:
        """Whether a kubectl command ends well."""
        return succeeds(self._programs / "kubectl", "--kubeconfig", self.kubeconfig, *arguments)

    def apply(self, *objects: Mapping[str, object]) -> None:
        """Creates objects, or changes them to what is given."""
        document = {"apiVersion": "v1", "kind": "List", "items": objects}
        self.kubectl("apply", "--server-side", "-f", "-", data=json.dumps(document))

    def _end_all(self) -> None:
        end(marked(self.folder), patience=0)

    def _command(self, name: str) -> list[str | Path]:
        etc, programs = self._etc, self._programs
        match name:
            case "etcd":
                return [programs / name, *self._etcd_options()]
            case "kube-apiserver":
                return [programs / name, *self._api_server_options()]
            case "kube-controller-manager":
                return [
                    programs / name,
                    f"--kubeconfig={etc}/controller-manager.kubeconfig",
                    f"--service-account-private-key-file={etc}/tokens.key",
                    f"--root-ca-file={etc}/ca.crt",
                    "--use-service-account-credentials",
                    "--leader-elect=false",
                    "--secure-port=0",
                    "--concurrent-job-syncs=50",
                    *UNLIMITED,
                ]
            case "kube-scheduler":
                config = f"--kubeconfig={etc}/scheduler.kubeconfig"
                return [programs / name, config, "--leader-elect=false", "--secure-port=0", *UNLIMITED]
            case _:
                nodes = "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake"
                config = f"--kubeconfig={self.kubeconfig}"
                # The node's heartbeat; without it, its pods would be evicted after six minutes.
                heart = "--node-lease-duration-seconds=40"
                return [tool(name), config, f"--config={etc}/kwok.yaml", "--manage-all-nodes=false", nodes, heart]

    def _etcd_options(self) -> list[str]:
        client, peer = f"http://127.0.0.1:{self._etcd}", f"http://127.0.0.1:{self._etcd_peer}"
        return [
            f"--data-dir={self.folder}/etcd-data",
            "--unsafe-no-fsync",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--quota-backend-bytes=8589934592",
        ]

    def _api_server_options(self) -> list[str]:
        etc = self._etc
        return [
            f"--etcd-servers=http://127.0.0.1:{self._etcd}",
            f"--service-cluster-ip-range={SERVICE_SUBNET}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._port}",
            "--endpoint-reconciler-type=none",
            f"--cert-dir={etc}",
            f"--tls-cert-file={etc}/apiserver.crt",
            f"--tls-private-key-file={etc}/apiserver.key",
            f"--client-ca-file={etc}/ca.crt",
            f"--service-account-key-file={etc}/tokens.pub",
            f"--service-account-signing-key-file={etc}/tokens.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--authorization-mode=Node,RBAC",
            "--max-requests-inflight=2000",
            "--max-mutating-requests-inflight=1000",
        ]
