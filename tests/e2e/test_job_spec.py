"""RenderJobs whose job.json is planned already: by `heliosctl plan`, and in the form that Helios itself writes.

All are started together, from files that one pod writes; each test then looks at its own RenderJob.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.barcode_pages import film_page
from tests.e2e.cluster import Cluster
from tests.e2e.conftest import a_namespace
from tests.e2e.films import FRAMES, UNIT, completed, condition, failed, render_job, render_target
from tests.e2e.pods import shell_job

STORE = "helios-artifacts"
PLAN = f"""
mkdir /artifacts/in
cp /input/job.json /artifacts/in/
cp /input/index.html /tmp/page.html
cd /artifacts
heliosctl plan /tmp/page.html --frames {FRAMES} --unit-frames {UNIT} --frames-per-chunk {FRAMES // 2} --artifacts .
sha256sum /artifacts/jobs/*/job.json
"""
# What Helios' own programs would do: a video of so many frames, which carry no barcode.
WRITE = (
    "import av,sys;c=av.open(sys.argv[1],'w');s=c.add_stream('mpeg4',30);s.width=s.height=32;"
    "f=av.VideoFrame(32,32,'yuv420p');"
    "[(setattr(f,'pts',n),c.mux(s.encode(f))) for n in range(int(sys.argv[2]))];c.mux(s.encode());c.close()"
)
COMMAND = f'python3 -c "{WRITE}"'
BY_HELIOS = json.dumps(
    {
        "id": "theirs",
        "metadata": {"totalFrames": 12, "fps": 30, "width": 32, "height": 32, "duration": 0.4},
        "chunks": [
            {"id": index, "startFrame": 6 * index, "frameCount": 6, "outputFile": f"chunk-{index}.mp4",
             "command": f"{COMMAND} chunk-{index}.mp4 6"}
            for index in range(2)
        ],
        "mergeCommand": f"{COMMAND} output.mp4 12",
    }
)  # fmt: skip


def by_job(namespace: str, name: str, path: str, digest: str, **execution: Any) -> dict[str, Any]:
    composition = {"jobSpec": {"url": f"file://{path}", "sha256": digest}}
    job = render_job(namespace, name, composition=composition, execution=execution)
    del job["spec"]["video"], job["spec"]["chunking"]
    return job


@pytest.fixture(scope="module")
def planned(cluster: Cluster, operator: None, worker_image: str) -> Iterator[str]:
    """A namespace of RenderJobs by job.json: two of `heliosctl plan`, two in Helios' form."""
    with a_namespace(cluster) as name:
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        files = {"index.html": film_page(), "job.json": BY_HELIOS}
        target = render_target(f"commands-{name}")
        target["spec"] |= {"allowCommands": True, "allowedNamespaces": [name]}
        cluster.apply(
            {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": STORE, "namespace": name},
             "spec": claim},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "files", "namespace": name}, "data": files},
            target,
            shell_job(name, "plan", worker_image, PLAN, claim=STORE, mount="/artifacts", files="files"),
        )  # fmt: skip
        pod = cluster.finished_pod(name, "plan")
        said = cluster.kubectl("logs", "-n", name, "job/plan")
        assert pod["status"]["phase"] == "Succeeded", said
        digest, path = said.strip().splitlines()[-1].split()
        theirs = ("/artifacts/in/job.json", hashlib.sha256(BY_HELIOS.encode()).hexdigest())
        cluster.apply(
            by_job(name, "planned", path, digest),
            by_job(name, "altered", path, hashlib.sha256(b"another").hexdigest()),
            by_job(name, "allowed", *theirs, targets=[{"name": f"commands-{name}"}]),
            by_job(name, "refused", *theirs),
        )
        yield name


def test_a_job_that_heliosctl_planned(cluster, planned, film_by_hand):
    """Its film is the one of `heliosctl render`, whose frames test_render_job.py reads."""
    status = completed(cluster, planned, "planned")
    assert (status["chunkMap"], status["output"]["frames"]) == ("##", FRAMES)
    assert status["output"]["sha256"] == film_by_hand


def test_a_job_with_another_digest(cluster, planned):
    reason, message = condition(failed(cluster, planned, "altered"), "Failed")
    assert (reason, "is not the file with the SHA-256" in message) == ("InputInvalid", True), message


def test_a_job_that_helios_wrote(cluster, planned):
    status = completed(cluster, planned, "allowed")
    assert (status["chunkMap"], status["output"]["frames"]) == ("##", 12)


def test_commands_that_no_target_allows(cluster, planned):
    reason, message = condition(failed(cluster, planned, "refused"), "Failed")
    assert (reason, "allowCommands on the RenderTarget" in message) == ("InputInvalid", True), message
