"""A RenderJob that is applied becomes a film: the same bytes as `heliosctl render` makes in the same image."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests import barcode
from tests.e2e import release
from tests.e2e.cluster import Cluster
from tests.e2e.compositions import TICKS_PER_FRAME, one_file
from tests.e2e.pods import shell_job

FRAMES = 72
UNIT = 6
CHUNKS = 12


def render_job(namespace: str, name: str, **spec: Any) -> dict[str, Any]:
    """A film of FRAMES frames in CHUNKS chunks, unless `spec` says otherwise."""
    asked = {
        "composition": {"inline": one_file("canvas-raf.html")},
        "video": {"frames": FRAMES, "unitFrames": UNIT},
        "chunking": {"frames": UNIT},
        "execution": {"parallelism": 3},
        **spec,
    }
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "helios.video/v1alpha1", "kind": "RenderJob", "metadata": metadata, "spec": asked}


def completed(cluster: Cluster, namespace: str, name: str, seconds: int = 240) -> dict[str, Any]:
    """The RenderJob, once it is complete."""
    try:
        cluster.kubectl(
            "wait", "-n", namespace, "--for=condition=Complete", f"renderjob/{name}", f"--timeout={seconds}s"
        )
    except Exception as error:
        told = cluster.kubectl("describe", "renderjob", "-n", namespace, name)
        pods = cluster.kubectl("get", "pods", "-n", namespace, "-o", "wide")
        raise AssertionError(f"{error}\n{told}\n{pods}\n{release.logs(cluster)}") from error
    found: dict[str, Any] = cluster.get("renderjob", "-n", namespace, name)
    return found


def film_of(cluster: Cluster, namespace: str, image: str, path: str, folder: Path) -> Path:
    """A film on the artifact claim, brought here."""
    name = "read-" + Path(path).stem
    cluster.apply(shell_job(namespace, name, image, f"base64 {path}", claim="helios-artifacts", mount="/artifacts"))
    pod = cluster.finished_pod(namespace, name)
    assert pod["status"]["phase"] == "Succeeded", pod["status"]
    film = folder / Path(path).name
    film.write_bytes(base64.b64decode(cluster.kubectl("logs", "-n", namespace, f"job/{name}")))
    return film


@pytest.mark.usefixtures("operator")
def test_a_render_job_becomes_a_film(cluster: Cluster, namespace: str, worker_image: str, tmp_path: Path):
    cluster.apply(render_job(namespace, "teaser"))
    status = completed(cluster, namespace, "teaser")["status"]
    assert (status["phase"], status["progress"], status["chunkMap"]) == ("Complete", "100%", "#" * CHUNKS)
    assert status["output"]["url"] == f"file:///artifacts/out/{namespace}/teaser.mp4"

    film = film_of(cluster, namespace, worker_image, f"/artifacts/out/{namespace}/teaser.mp4", tmp_path)
    assert [barcode.read(luma) for luma in barcode.decoded(film)] == [TICKS_PER_FRAME * n for n in range(FRAMES)]

    by_hand = f"""
    cp /input/index.html /tmp/page.html
    heliosctl render /tmp/page.html -o /tmp/film.mp4 --frames {FRAMES} --unit-frames {UNIT} --artifacts /tmp/store
    sha256sum < /tmp/film.mp4
    """
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "page", "namespace": namespace},
            "data": {"index.html": one_file("canvas-raf.html")},
        },
        shell_job(namespace, "by-hand", worker_image, by_hand, files="page"),
    )
    pod = cluster.finished_pod(namespace, "by-hand")
    said = cluster.kubectl("logs", "-n", namespace, "job/by-hand")
    assert pod["status"]["phase"] == "Succeeded", said
    assert said.split()[-2] == status["output"]["sha256"]

    # The same spec under another name renders no chunk again.
    cluster.apply(render_job(namespace, "again"))
    status = completed(cluster, namespace, "again")["status"]
    assert status["chunkMap"] == "=" * CHUNKS
    jobs = cluster.get("jobs", "-n", namespace, "-l", "helios.video/stage=chunk")["items"]
    assert len(jobs) == CHUNKS, json.dumps([job["metadata"]["name"] for job in jobs])
