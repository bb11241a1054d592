"""RenderJobs that the tests apply, what becomes of them, and what they say."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

from tests import barcode
from tests.e2e import release
from tests.e2e.barcode_pages import TICKS_PER_FRAME, film_page
from tests.e2e.cluster import RENDERING, Cluster
from tests.e2e.containers import eventually
from tests.e2e.pods import shell_job
from tests.progress import Standstill

# A film that several tests render, each in its way; film_by_hand is its digest.
FRAMES, UNIT = 72, 6
API_VERSION = "helios.video/v1alpha1"


def render_job(
    namespace: str,
    name: str,
    *,
    page: str | None = None,
    frames: int = 12,
    unit: int = 6,
    execution: dict[str, Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """A film in chunks of one unit each. page: its HTML; unless `spec` says otherwise, one with a barcode."""
    asked = {
        "composition": {"inline": page or film_page()},
        "video": {"frames": frames, "unitFrames": unit},
        "chunking": {"frames": unit},
        "execution": {"parallelism": 3, **(execution or {})},
        **spec,
    }
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": "RenderJob", "metadata": metadata, "spec": asked}


def render_target(name: str, **pod: Any) -> dict[str, Any]:
    """A RenderTarget of pods with settings; it belongs to the whole cluster."""
    return {
        "apiVersion": API_VERSION,
        "kind": "RenderTarget",
        "metadata": {"name": name},
        "spec": {"kubernetes": {"pod": pod}},
    }


def on(target: str, **execution: Any) -> dict[str, Any]:
    """Execution on one target."""
    return {"targets": [{"name": target}], **execution}


def completed(cluster: Cluster, namespace: str, name: str) -> dict[str, Any]:
    """The status of a RenderJob that must become a film."""
    return _ended(cluster, namespace, name, "Complete")


def failed(cluster: Cluster, namespace: str, name: str) -> dict[str, Any]:
    """The status of a RenderJob that must fail."""
    return _ended(cluster, namespace, name, "Failed")


def _ended(cluster: Cluster, namespace: str, name: str, phase: str) -> dict[str, Any]:
    render = f"renderjob/{name}"
    progress = Standstill(f"the end of the RenderJob {name}", RENDERING)
    try:
        while not _has(cluster, namespace, render, "--for=jsonpath={.status.completionTime}"):
            progress.look(moving=cluster.newest(namespace))
        status: dict[str, Any] = cluster.get("renderjobs", namespace, name)["status"]
        cluster.kubectl("wait", "-n", namespace, f"--for=condition={phase}", render, "--timeout=30s")
    except Exception as error:
        told = cluster.kubectl("describe", "-n", namespace, render)
        pods = cluster.kubectl("get", "pods", "-n", namespace, "-o", "wide")
        raise AssertionError(f"{error}\n{told}\n{pods}\n{release.logs(cluster)}") from error
    return status


def _has(cluster: Cluster, namespace: str, what: str, state: str) -> bool:
    """Whether an object comes to a state within some seconds."""
    try:
        cluster.kubectl("wait", "-n", namespace, state, what, "--timeout=10s", stderr=subprocess.STDOUT)
    except subprocess.CalledProcessError as error:
        if "timed out" not in error.output:
            raise
        return False
    return True


def change_execution(cluster: Cluster, namespace: str, name: str, **fields: Any) -> None:
    """Changes a RenderJob under way, as `kubectl edit` does."""
    patch = {"spec": {"execution": fields}}
    cluster.kubectl("patch", f"renderjob/{name}", "-n", namespace, "--type=merge", f"--patch={json.dumps(patch)}")


def says(cluster: Cluster, namespace: str, name: str, words: str) -> str:
    """What a RenderJob says of itself while it is under way, once it has these words."""

    def found() -> str:
        status = cluster.get("renderjobs", namespace, name).get("status") or {}
        told = [item["message"] for item in status.get("conditions", ()) if item["type"] == "Reconciling"]
        return next((message for message in told if words in message), "")

    return eventually(found, f"the RenderJob {name} to say {words!r}", moving=lambda: cluster.newest(namespace))


def condition(status: dict[str, Any], kind: str) -> tuple[str, str]:
    """Reason and message of a condition that is true."""
    found = next(item for item in status["conditions"] if item["type"] == kind)
    assert found["status"] == "True", status["conditions"]
    return found["reason"], found["message"]


def events(cluster: Cluster, namespace: str, name: str, *reasons: str) -> dict[str, str]:
    """What the Events of a RenderJob say, by reason, once there are those with these reasons; of several the last.

    An Event is written after the status that it is about.
    """
    about = f"involvedObject.kind=RenderJob,involvedObject.name={name}"

    def found() -> dict[str, str]:
        items = cluster.get("events", namespace, fieldSelector=about)["items"]
        items.sort(key=lambda event: event["lastTimestamp"])
        told = {event["reason"]: event["message"] for event in items}
        return told if told.keys() >= set(reasons) else {}

    what = f"Events of the RenderJob {name}: {', '.join(reasons)}"
    return eventually(found, what, moving=lambda: cluster.newest(namespace))


def film_of(cluster: Cluster, namespace: str, image: str, path: str, folder: Path) -> Path:
    """A film on the artifact claim, brought here."""
    name = "read-" + Path(path).stem
    cluster.apply(shell_job(namespace, name, image, f"base64 {path}", claim="helios-artifacts", mount="/artifacts"))
    pod = cluster.finished_pod(namespace, name)
    assert pod["status"]["phase"] == "Succeeded", pod["status"]
    film = folder / Path(path).name
    film.write_bytes(base64.b64decode(cluster.kubectl("logs", "-n", namespace, f"job/{name}")))
    return film


def numbers(film: Path) -> list[float]:
    """The frame that each picture of a film shows."""
    return [barcode.read(luma) / TICKS_PER_FRAME for luma in barcode.decoded(film)]
