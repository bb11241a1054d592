"""The Go programs of the test cluster, built from pinned modules and kept by content.

Kubernetes and etcd come from go.mod beside this file; helm and kwok each need a module of their own,
because their requirements contradict Kubernetes'. A cold build takes a quarter of an hour on two cores, most
of it the API server; a warm one nothing.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.cache import digest, made_once
from tests.cluster.commands import run, step
from tests.cluster.errors import ClusterError
from tests.cluster.settings import HERE, KUBERNETES

# Without the version the server calls itself v0.0.0, and clients refuse it.
LINKER = f"-s -w -X k8s.io/component-base/version.gitVersion={KUBERNETES}"

NODE_PROGRAMS = {
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kubelet": "k8s.io/kubernetes/cmd/kubelet",
    "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "etcd": "go.etcd.io/etcd/server/v3",
    "pause": "./pausing",
}


@dataclass(frozen=True)
class Tool:
    """A program with a module of its own."""

    name: str
    package: str
    version: str


TOOLS = (
    Tool("helm", "helm.sh/helm/v3/cmd/helm", "v3.22.0"),
    Tool("kwok", "sigs.k8s.io/kwok/cmd/kwok", "v0.8.0"),
)


def node_programs() -> Path:
    """The folder with NODE_PROGRAMS, built first when it is not there.

    Raises:
        ClusterError: Go is missing or a build failed; the message has the compiler's words.
    """
    files = [HERE / name for name in ("go.mod", "go.sum", "tools.go", "pausing/main.go")]
    key = digest(_go_version(), LINKER, *(file.read_bytes() for file in files))
    return made_once(f"kubernetes-{KUBERNETES}-{key}", _build_node)


def tool(name: str) -> Path:
    """The program of one of TOOLS, built first when it is not there.

    Raises:
        ClusterError: as node_programs.
    """
    (chosen,) = (tool for tool in TOOLS if tool.name == name)
    key = digest(_go_version(), chosen.package, chosen.version)
    return made_once(f"{chosen.name}-{chosen.version}-{key}", lambda folder: _install(chosen, folder)) / chosen.name


def _build_node(folder: Path) -> None:
    for name, package in NODE_PROGRAMS.items():
        with step(f"building {name}"):
            _go("build", "-trimpath", "-ldflags", LINKER, "-o", str(folder / name), package)


def _install(chosen: Tool, folder: Path) -> None:
    with step(f"building {chosen.name} {chosen.version}"):
        _go("install", "-trimpath", "-ldflags", "-s -w", f"{chosen.package}@{chosen.version}", bin_folder=folder)


def _go(*arguments: str, bin_folder: Path | None = None) -> None:
    env = {**os.environ, "CGO_ENABLED": "0"} | ({"GOBIN": str(bin_folder)} if bin_folder else {})
    run("nice", "-n", "5", "go", *arguments, env=env, cwd=HERE)


def _go_version() -> str:
    if shutil.which("go") is None:
        raise ClusterError("Go is not installed: the cluster's programs are built with Go 1.26 or newer (go.dev/dl)")
    return run("go", "env", "GOVERSION", "GOOS", "GOARCH", cwd=HERE)
