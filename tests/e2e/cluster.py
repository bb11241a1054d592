"""What the tests ask of a cluster, by kubectl, as a person would."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any, Protocol

from tests.progress import Standstill

FINISHED = {"Succeeded", "Failed"}
QUIET = 5.0
"""Seconds of waiting after which signs of progress are looked at."""
RENDERING = 240.0
"""Seconds for which nothing may move while a pod works: it is only heard of again when it ends."""


class KindCluster(Protocol):
    """pytest-kind's class, which comes without types."""

    name: str
    kind_path: Path
    kubeconfig_path: Path

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

    def load(self, *images: str) -> None:
        """Makes images of this machine's Docker known to the node; together, since they share layers."""
        subprocess.run([self._kind.kind_path, "load", "docker-image", "--name", self._kind.name, *images], check=True)

    def apply(self, *objects: dict[str, Any]) -> None:
        """Creates objects, or changes them to what is given."""
        document = {"apiVersion": "v1", "kind": "List", "items": objects}
        self._kind.kubectl("apply", "-f", "-", input=json.dumps(document))

    def get(self, *arguments: str) -> Any:
        """What `kubectl get` says, as data."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def newest(self, namespace: str) -> str:
        """How many objects a namespace has, RenderJobs, Jobs and pods among them, and the newest one's version."""
        versions = "jsonpath={.items[*].metadata.resourceVersion}"
        found = self.kubectl("get", "all", "-n", namespace, "-o", versions).split()
        return f"{len(found)}, newest version {max(map(int, found), default=0)}"

    def finished_pod(self, namespace: str, job: str) -> dict[str, Any]:
        """The one pod of a Job, once it has finished.

        Raises:
            AssertionError: nothing moves any more in its namespace; with the pod's state and the namespace's events.
        """
        progress = Standstill(f"a finished pod of the Job {job}", RENDERING)
        while True:
            pods = self.get("pods", "-n", namespace, "-l", f"batch.kubernetes.io/job-name={job}")["items"]
            if pods and pods[0]["status"]["phase"] in FINISHED:
                pod: dict[str, Any] = pods[0]
                return pod
            try:
                if progress.seconds > QUIET:
                    progress.look(moving=self.newest(namespace))
            except AssertionError as error:
                events = self.kubectl("get", "events", "-n", namespace, "--sort-by=.lastTimestamp")
                state = json.dumps([pod["status"] for pod in pods], indent=1)
                raise AssertionError(f"{error}\n{state}\n{events}") from None
            time.sleep(0.5)
