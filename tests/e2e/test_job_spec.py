"""A RenderJob whose job.json is planned already: by `heliosctl plan`, and in the form that Helios itself writes."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.barcode_pages import one_file
from tests.e2e.cluster import Cluster
from tests.e2e.films import FRAMES, UNIT, completed, condition, failed, film_of, numbers, render_job, render_target
from tests.e2e.pods import shell_job

CLAIM: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
PLAN = f"""
cp /input/index.html /tmp/page.html
heliosctl plan /tmp/page.html --frames {FRAMES} --unit-frames {UNIT} --frames-per-chunk {UNIT} --artifacts /artifacts
sha256sum /artifacts/jobs/*/job.json
"""
# What Helios' own programs would do: a video of so many frames, which carry no barcode.
WRITE = (
    "import av,sys;c=av.open(sys.argv[1],'w');s=c.add_stream('mpeg4',30);s.width=s.height=32;"
    "f=av.VideoFrame(32,32,'yuv420p');"
    "[(setattr(f,'pts',n),c.mux(s.encode(f))) for n in range(int(sys.argv[2]))];c.mux(s.encode());c.close()"
)


def by_job(namespace: str, name: str, path: str, digest: str, **execution: Any) -> dict[str, Any]:
    job = render_job(namespace, name, composition={"jobSpec": {"url": path, "sha256": digest}}, execution=execution)
    del job["spec"]["video"], job["spec"]["chunking"]
    return job


def ran(cluster: Cluster, namespace: str, name: str, image: str, script: str, files: str) -> str:
    """What a script says in a pod with the artifacts' claim."""
    cluster.apply(shell_job(namespace, name, image, script, claim="helios-artifacts", mount="/artifacts", files=files))
    pod = cluster.finished_pod(namespace, name)
    said = cluster.kubectl("logs", "-n", namespace, f"job/{name}")
    assert pod["status"]["phase"] == "Succeeded", said
    return said


@pytest.mark.usefixtures("operator")
def test_a_job_that_heliosctl_planned(
    cluster: Cluster, namespace: str, worker_image: str, film_by_hand: str, tmp_path: Path
):
    data = {"index.html": one_file("canvas-raf.html")}
    claim = {**CLAIM, "metadata": {"name": "helios-artifacts", "namespace": namespace}}
    page = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "page", "namespace": namespace}, "data": data}
    cluster.apply(claim, page)
    said = ran(cluster, namespace, "plan", worker_image, PLAN, "page")
    digest, path = said.strip().splitlines()[-1].split()
    cluster.apply(by_job(namespace, "planned", f"file://{path}", digest))
    status = completed(cluster, namespace, "planned")
    assert status["chunkMap"] == "#" * (FRAMES // UNIT)
    film = film_of(cluster, namespace, worker_image, f"/artifacts/out/{namespace}/planned.mp4", tmp_path)
    assert numbers(film) == list(range(FRAMES))
    assert status["output"]["sha256"] == film_by_hand

    cluster.apply(by_job(namespace, "altered", f"file://{path}", hashlib.sha256(b"another").hexdigest()))
    assert "is not the file with the SHA-256" in condition(failed(cluster, namespace, "altered"), "Failed")[1]


@pytest.mark.usefixtures("operator")
def test_a_job_that_helios_wrote(cluster: Cluster, namespace: str, worker_image: str):
    command = f'python3 -c "{WRITE}"'
    chunks = [
        {"id": index, "startFrame": 6 * index, "frameCount": 6, "outputFile": f"chunk-{index}.mp4",
         "command": f"{command} chunk-{index}.mp4 6"}
        for index in range(2)
    ]  # fmt: skip
    metadata = {"totalFrames": 12, "fps": 30, "width": 32, "height": 32, "duration": 0.4}
    job = {"id": "theirs", "metadata": metadata, "chunks": chunks, "mergeCommand": f"{command} output.mp4 12"}
    text = json.dumps(job)
    data = {"job.json": text}
    claim = {**CLAIM, "metadata": {"name": "helios-artifacts", "namespace": namespace}}
    files = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "job", "namespace": namespace}, "data": data}
    target = render_target(f"commands-{namespace}")
    target["spec"] |= {"allowCommands": True, "allowedNamespaces": [namespace]}
    cluster.apply(claim, files, target)
    ran(cluster, namespace, "copy", worker_image, "mkdir -p /artifacts/in; cp /input/job.json /artifacts/in/", "job")
    place, digest = "file:///artifacts/in/job.json", hashlib.sha256(text.encode()).hexdigest()

    cluster.apply(by_job(namespace, "refused", place, digest))
    reason, message = condition(failed(cluster, namespace, "refused"), "Failed")
    assert (reason, "allowCommands on the RenderTarget" in message) == ("InputInvalid", True), message

    cluster.apply(by_job(namespace, "allowed", place, digest, targets=[{"name": f"commands-{namespace}"}]))
    status = completed(cluster, namespace, "allowed")
    assert (status["chunkMap"], status["output"]["frames"]) == ("##", 12)
