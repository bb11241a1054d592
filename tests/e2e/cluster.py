"""What the tests ask of a cluster: by kubectl, as a person would, and where they look time and again by HTTPS."""

import json
import subprocess
import time
import urllib.error
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from tests.e2e.api_server import ApiServer
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
    """A cluster that tests share; they keep apart by namespace. folder: for the certificates of its kubeconfig."""

    def __init__(self, kind: KindCluster, folder: Path) -> None:
        self._kind = kind
        self.kubeconfig = kind.kubeconfig_path
        self.api = ApiServer.of(self.kubeconfig, folder)

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

    def get(self, kind: str, namespace: str, name: str = "", **query: str) -> Any:
        """What `kubectl get` says of an object, or of those of a kind, as data; as ApiServer.get."""
        return self.api.get(kind, namespace, name, **query)

    def newest(self, namespace: str) -> str:
        """How many RenderJobs, Jobs and pods a namespace has, and the newest one's version."""
        found = []
        for kind in ("renderjobs", "jobs", "pods"):
            with suppress(urllib.error.HTTPError):  # RenderJobs are not known to every cluster
                found += [int(each["metadata"]["resourceVersion"]) for each in self.get(kind, namespace)["items"]]
        return f"{len(found)}, newest version {max(found, default=0)}"

    def finished_pod(self, namespace: str, job: str) -> dict[str, Any]:
        """The one pod of a Job, once it has finished.

        Raises:
            AssertionError: nothing moves any more in its namespace; with the pod's state and the namespace's events.
        """
        progress = Standstill(f"a finished pod of the Job {job}", RENDERING)
        while True:
            pods = self.get("pods", namespace, labelSelector=f"batch.kubernetes.io/job-name={job}")["items"]
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
            time.sleep(0.3)
