"""What the tests ask of a cluster, by kubectl, as a person would."""

import json
import time
from pathlib import Path
from typing import Any, Protocol

FINISHED = {"Succeeded", "Failed"}


class KindCluster(Protocol):
    """pytest-kind's class, which comes without types."""

    kubeconfig_path: Path

    def load_docker_image(self, docker_image: str) -> None: ...

    def kubectl(self, *args: str, **kwargs: Any) -> str: ...

    def delete(self) -> None: ...


class Cluster:
    """A cluster that tests share; they keep apart by namespace."""

    def __init__(self, kind: KindCluster) -> None:
        self._kind = kind
        self.kubeconfig = kind.kubeconfig_path

    def kubectl(self, *arguments: str, **options: Any) -> str:
        """Standard output of a kubectl command. Raises CalledProcessError when it fails."""
        return self._kind.kubectl(*arguments, **options)

    def load(self, image: str) -> None:
        """Makes an image of this machine's Docker known to the node."""
        self._kind.load_docker_image(image)

    def apply(self, *objects: dict[str, Any]) -> None:
        """Creates objects, or changes them to what is given."""
        document = {"apiVersion": "v1", "kind": "List", "items": objects}
        self._kind.kubectl("apply", "-f", "-", input=json.dumps(document))

    def get(self, *arguments: str) -> Any:
        """What `kubectl get` says, as data."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def finished_pod(self, namespace: str, job: str, seconds: float = 120) -> dict[str, Any]:
        """The one pod of a Job, once it has finished.

        Raises:
            AssertionError: it has not within `seconds`; with the pod's state and the namespace's events.
        """
        deadline = time.monotonic() + seconds
        while True:
            pods = self.get("pods", "-n", namespace, "-l", f"batch.kubernetes.io/job-name={job}")["items"]
            if pods and pods[0]["status"]["phase"] in FINISHED:
                pod: dict[str, Any] = pods[0]
                return pod
            if time.monotonic() > deadline:
                events = self.kubectl("get", "events", "-n", namespace, "--sort-by=.lastTimestamp")
                state = json.dumps([pod["status"] for pod in pods], indent=1)
                raise AssertionError(f"Job {job} has no finished pod after {seconds:.0f} s\n{state}\n{events}")
            time.sleep(0.2)
