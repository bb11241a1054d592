"""The operator as a user installs it: real helm, the chart of this checkout, the images of this checkout."""

import subprocess
from pathlib import Path

from tests.cluster import images
from tests.cluster.binaries import tool
from tests.e2e.cluster import Cluster

CHART = Path(__file__).parents[2] / "charts" / "helios-operator"
NAMESPACE = "helios-system"
NAME = "helios"


def install(cluster: Cluster, **values: str) -> None:
    """Installs the chart, or changes the release, and waits until the operator runs.

    Raises:
        AssertionError: helm failed; with what it said and what the operator's pod says.
    """
    settings = {
        "image.operator": images.tag("operator"),
        "image.worker": images.tag("worker"),
        "artifacts.claim.accessMode": "ReadWriteOnce",  # one node
        **values,
    }
    chosen = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    waiting = ("--create-namespace", "--wait", "--timeout", "2m")
    done = helm(cluster, "upgrade", "--install", NAME, CHART, *waiting, *chosen)
    if done.returncode:
        state = cluster.kubectl("describe", "pods", "-n", NAMESPACE)
        raise AssertionError(f"helm: {done.stderr}\n{state}\n{logs(cluster)}")


def helm(cluster: Cluster, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs helm on the cluster."""
    command = [tool("helm"), "--kubeconfig", cluster.kubeconfig, "--namespace", NAMESPACE, *arguments]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


def logs(cluster: Cluster) -> str:
    """What the operator has said, newest last."""
    return cluster.kubectl("logs", "-n", NAMESPACE, "-l", "app.kubernetes.io/name=helios-operator", "--tail=200")
