"""The worker image renders a film in pods that may do nothing: plan, two chunks and stitch, each a Job."""

import base64
import json
from typing import Any

import pytest

from tests import barcode
from tests.e2e.barcode_pages import PAGES, TICKS_PER_FRAME
from tests.e2e.cluster import Cluster
from tests.e2e.pods import shell_job, worker_job

PAGE = "canvas-raf.html"
ASSETS = ("barcode.css", "barcode.js", "barcode-paint.js")
PLACES = {name: f"assets/{name}" for name in ASSETS} | {name: name for name in (PAGE, "request.json")}
FRAMES = 24

REQUEST = {
    "composition": {"url": f"file:///data/page/{PAGE}"},
    "video": {"frames": FRAMES, "unitFrames": 12},
    "chunking": {"frames": 12},
    "output": "file:///data/film.mp4",
}
LAY_OUT = f"""
mkdir -p /data/page /data/artifacts/requests
cp -L /input/{PAGE} /data/page/
cp -rL /input/assets /data/page/
cp -L /input/request.json /data/artifacts/requests/film.json
"""


@pytest.fixture
def data(cluster: Cluster, namespace: str, worker_image: str) -> None:
    """A volume claim `data` that holds the page and, in the artifact store, the request."""
    texts = {name: (PAGES / "assets" / name).read_text() for name in ASSETS}
    texts |= {PAGE: (PAGES / PAGE).read_text(), "request.json": json.dumps(REQUEST)}
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "input", "namespace": namespace},
            "data": texts,
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "namespace": namespace},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        },
        shell_job(namespace, "lay-out", worker_image, LAY_OUT, claim="data", files="input", folders=PLACES),
    )
    assert cluster.finished_pod(namespace, "lay-out")["status"]["phase"] == "Succeeded", logs(
        cluster, namespace, "lay-out"
    )


def logs(cluster: Cluster, namespace: str, job: str) -> str:
    return cluster.kubectl("logs", "-n", namespace, f"job/{job}")


def test_a_film_is_rendered_by_restricted_pods(cluster, namespace, worker_image, data, tmp_path):
    def stage(name: str, *arguments: str) -> Any:
        cluster.apply(worker_job(namespace, name, worker_image, *arguments))
        pod = cluster.finished_pod(namespace, name)
        ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
        assert ended["exitCode"] == 0, f"{ended}\n{logs(cluster, namespace, name)}"
        return json.loads(ended["message"])

    planned = stage("plan", "plan", "file:///data/artifacts/requests/film.json")
    assert (planned["frames"], planned["chunks"]) == (FRAMES, 2)
    job = planned["jobPath"]
    chunks = [stage(f"chunk-{index}", "chunk", job, str(index)) for index in range(2)]
    assert [chunk["frames"] for chunk in chunks] == [12, 12]
    stage("stitch", "stitch", job)

    cluster.apply(shell_job(namespace, "read", worker_image, "base64 /data/film.mp4", claim="data"))
    assert cluster.finished_pod(namespace, "read")["status"]["phase"] == "Succeeded"
    film = tmp_path / "film.mp4"
    film.write_bytes(base64.b64decode(logs(cluster, namespace, "read")))
    numbers = [barcode.read(luma) for luma in barcode.decoded(film)]
    assert numbers == [TICKS_PER_FRAME * frame for frame in range(FRAMES)]


def test_a_users_mistake_is_told_in_the_termination_message(cluster, namespace, worker_image, data):
    cluster.apply(worker_job(namespace, "plan", worker_image, "plan", "file:///data/artifacts/requests/none.json"))
    pod = cluster.finished_pod(namespace, "plan")
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert ended["exitCode"] == 64
    assert "there is no request" in json.loads(ended["message"])["message"]
