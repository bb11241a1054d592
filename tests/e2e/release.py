"""The operator as a user installs it: real helm, the chart of this checkout, the images of this checkout."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster import images
from tests.cluster.binaries import tool
from tests.e2e.cluster import Cluster

CHART = Path(__file__).parents[2] / "charts" / "helios-operator"
NAMESPACE = "helios-system"
NAME = "helios"
LABEL = "app.kubernetes.io/name=helios-operator"


def install(cluster: Cluster, **values: str) -> None:
    """Installs the chart, or changes the release, and waits until the operator runs.

    Raises:
        AssertionError: helm failed; with what it said and what the operator's pod says.
    """
    settings = {
        "image.operator": images.tag("operator"),
        "image.worker": images.tag("worker"),
        "artifacts.claim.accessMode": "ReadWriteOnce",  # one node
        # A kept cluster may run an older image of the same name.
        "operator.podAnnotations.installed": f"at-{time.time():.0f}",
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
    return cluster.kubectl("logs", "-n", NAMESPACE, "-l", LABEL, "--tail=200")


@contextmanager
def asleep(cluster: Cluster) -> Iterator[None]:
    """Meanwhile the operator does not run in the cluster."""
    deployment = ("deployment", "-n", NAMESPACE, "-l", LABEL)
    cluster.kubectl("scale", *deployment, "--replicas=0")
    cluster.kubectl("wait", "pods", "-n", NAMESPACE, "-l", LABEL, "--for=delete", "--timeout=60s")
    try:
        yield
    finally:
        cluster.kubectl("scale", *deployment, "--replicas=1")
        cluster.kubectl("wait", *deployment, "--for=condition=Available", "--timeout=60s")
