"""A job.json that is planned already: what is taken over, and what somebody tries in vain."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from helios_crds.wire import ExitCode, Payload, Reply, Stage
from helios_worker.artifacts.allowed_stores import AllowedStores
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.jobs.identity import job_bytes, with_own_id
from helios_worker.jobs.spec import JobSpec
from helios_worker.runtime import WorkerRuntime
from tests.unit.worker import builders


def commands(*given: str, **more: Any) -> dict[str, Any]:
    """A job as Helios itself writes it, two frames in each chunk."""
    chunks = [
        {"id": index, "startFrame": 2 * index, "frameCount": 2, "outputFile": f"{index}.bin", "command": command}
        for index, command in enumerate(given)
    ]
    frames = 2 * len(chunks)
    metadata = {"totalFrames": frames, "fps": 30, "width": 320, "height": 180, "duration": frames / 30}
    return {"id": "theirs", "metadata": metadata, "chunks": chunks, "mergeCommand": "true", "cloud": {"a": 1}, **more}


class Cluster:
    """One worker over a store of its own, as the operator's pods are."""

    def __init__(self, folder: Path, *, allow_commands: bool) -> None:
        self.folder = folder
        self.store = ArtifactStore((folder / "store").as_uri())
        self.output = (folder / "films" / "film.mp4").as_uri()
        self.source = folder / "given" / "job.json"
        allowed = [self.store.url, self.output, self.source.as_uri()]
        scratch = folder / "scratch"
        scratch.mkdir()
        self.runtime = WorkerRuntime(
            scratch, lanes=1, allow_commands=allow_commands, allowed_stores=AllowedStores(allowed)
        )

    def plan(self, job: bytes, **request: Any) -> Reply:
        self.source.parent.mkdir(exist_ok=True)
        self.source.write_bytes(job)
        asked = {
            "jobSpec": self.source.as_uri(),
            "sha256": hashlib.sha256(job).hexdigest(),
            "output": self.output,
            **request,
        }
        self.store.put("requests/a.json", orjson.dumps(asked))
        return self.runtime.process(Payload(jobPath=f"{self.store.url}requests/a.json", stage=Stage.PLAN))


@pytest.fixture(params=[True])
def cluster(request: pytest.FixtureRequest, tmp_path: Path):
    made = Cluster(tmp_path, allow_commands=request.param)
    yield made
    made.runtime.close()


def changed(**fields: Any) -> bytes:
    job = commands("true", "true")
    first = {name: fields.pop(name) for name in ("outputFile", "startFrame", "command") if name in fields}
    job["chunks"][0] |= first
    return orjson.dumps({**job, **fields})


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(b"", "is not a job", id="empty"),
        pytest.param(b"[]", "is not a job", id="a list"),
        pytest.param(b'{"id": "1"', "is not a job", id="cut"),
        pytest.param(changed(chunks=[]), "is not a job: chunks", id="no chunks"),
        pytest.param(changed(outputFile="../../film.mp4"), "leads out of its folder", id="a file elsewhere"),
        pytest.param(changed(outputFile="/etc/cron.d/a"), "leads out of its folder", id="an absolute file"),
        pytest.param(changed(outputFile="1.bin"), "write the same file", id="one file twice"),
        pytest.param(changed(startFrame=1), "do not cover its film", id="a frame less"),
        pytest.param(changed(command=None), "has no command", id="no command"),
        pytest.param(changed(metadata={"totalFrames": 5, "fps": 30, "width": 2, "height": 2, "duration": 1}),
                     "do not cover its film", id="another length"),
        pytest.param(changed(helios={"engine": {}}), "is not a job: helios", id="half a job of ours"),
    ],
)  # fmt: skip
def test_what_is_no_job(cluster: Cluster, data: bytes, says: str):
    reply = cluster.plan(data)
    assert (reply.exitCode, says in reply.stderr) == (ExitCode.USER_ERROR, True), reply.stderr
    assert cluster.store.keys("jobs/") == []


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        pytest.param({"sha256": "0" * 64}, "is not the file with the SHA-256", id="another file"),
        pytest.param({"sha256": "x"}, "the request's sha256", id="no digest"),
        pytest.param({"jobSpec": "file:///etc/passwd"}, "not among the places", id="a file of the machine"),
        pytest.param({"jobSpec": "file:///proc/self/environ"}, "not among the places", id="the environment"),
        pytest.param({"output": "file:///etc/film.mp4"}, "not among the places", id="an output elsewhere"),
        pytest.param({"composition": {"url": "/"}}, "the request's composition", id="a page too"),
    ],
)
def test_what_a_request_asks_in_vain(cluster: Cluster, request_: dict[str, Any], says: str):
    reply = cluster.plan(orjson.dumps(commands("true")), **request_)
    assert (reply.exitCode, says in reply.stderr) == (ExitCode.USER_ERROR, True), reply.stderr


def forged() -> JobSpec:
    """Its ID is right, and its first chunk would be found by a film that another plan made."""
    job = builders.job(0, 60, 120)
    stolen = job.chunks[0].model_copy(update={"key": "c" * 40})
    return with_own_id(job.model_copy(update={"chunks": (stolen, *job.chunks[1:])}))


@pytest.mark.parametrize(
    ("job", "says"),
    [
        pytest.param(builders.job(0, 60, 120), "belongs to another store", id="of another store"),
        pytest.param(forged(), "has the key of other frames", id="with the key of other frames"),
    ],
)
def test_a_job_of_ours_that_is_not_taken_over(cluster: Cluster, job: JobSpec, says: str):
    reply = cluster.plan(job_bytes(job))
    assert (reply.exitCode, says in reply.stderr) == (ExitCode.USER_ERROR, True), reply.stderr
    assert cluster.store.keys("jobs/") == []


@pytest.mark.parametrize("cluster", [False], indirect=True)
def test_commands_are_refused_unless_they_are_allowed(cluster: Cluster):
    reply = cluster.plan(orjson.dumps(commands(f"touch {cluster.folder}/ran")))
    assert reply.exitCode == ExitCode.USER_ERROR
    assert "have an admin set allowCommands on the RenderTarget" in reply.stderr
    assert not (cluster.folder / "ran").exists()


def test_an_altered_command_does_not_run(cluster: Cluster):
    """Who can write to the store alters the job after its plan."""
    reply = cluster.plan(orjson.dumps(commands("true")))
    assert reply.result is not None, reply.stderr
    key = reply.result["jobPath"].removeprefix(cluster.store.url)
    job = json.loads(cluster.store.get(key) or b"")
    job["chunks"][0]["command"] = f"touch {cluster.folder}/ran"
    cluster.store.put(key, orjson.dumps(job))
    done = cluster.runtime.process(Payload(jobPath=reply.result["jobPath"], chunkIndex=0))
    assert "its ID is not the digest of its content" in done.stderr
    assert not (cluster.folder / "ran").exists()


WRITE = (
    "import av,sys;c=av.open(sys.argv[1],'w');s=c.add_stream('mpeg4',30);s.width=s.height=32;"
    "f=av.VideoFrame(32,32,'yuv420p');"
    "[(setattr(f,'pts',n),c.mux(s.encode(f))) for n in range(int(sys.argv[2]))];c.mux(s.encode());c.close()"
)


def write(name: str, frames: int) -> str:
    return f'{sys.executable} -c "{WRITE}" {name} {frames}'


def test_commands_make_a_film(cluster: Cluster):
    job = commands(write("0.mp4", 2), write("1.mp4", 2), mergeCommand=write("film.mp4", 4))
    for index, chunk in enumerate(job["chunks"]):
        chunk["outputFile"] = f"{index}.mp4"
    planned = cluster.plan(orjson.dumps(job))
    assert planned.result is not None, planned.stderr
    assert (planned.result["frames"], planned.result["chunks"], planned.result["cached"]) == (4, 2, "0")
    path = planned.result["jobPath"]
    early = cluster.runtime.process(Payload(jobPath=path, stage=Stage.STITCH))
    assert early.result is not None
    assert early.result["badChunks"] == "3"
    for index in range(2):
        done = cluster.runtime.process(Payload(jobPath=path, chunkIndex=index))
        assert done.exitCode == ExitCode.DONE, done.stderr
    film = cluster.runtime.process(Payload(jobPath=path, stage=Stage.STITCH))
    assert film.exitCode == ExitCode.DONE, film.stderr
    assert film.result is not None
    made = (cluster.folder / "films" / "film.mp4").read_bytes()
    assert (film.result["frames"], film.result["sha256"]) == (4, hashlib.sha256(made).hexdigest())
