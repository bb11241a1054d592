"""A cache that knows a hundred thousand chunks: its memory, and the time of one look at the largest render."""

import copy
import json
import resource
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from helios_crds.renderjob import RenderJobSpec
from helios_crds.renderjob_status import PlanStatus, RenderJobStatus
from helios_crds.wire import Stage
from helios_operator.decide.reconcile import reconcile
from helios_operator.manifests.job import attempt_job
from helios_operator.model.config import Config, built_in_targets
from helios_operator.model.decision import StartAttempt
from helios_operator.model.observation import Observation, ObservedJob, Places
from helios_operator.model.state import Work
from helios_operator.observed.children import Children

LARGEST = 10_000
TARGETS = built_in_targets()
PLACES = Places("file:///artifacts/", "file:///artifacts/out/bench.mp4")
JOB = "0" * 16
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def render(number: int, chunks: int) -> ObservedJob:
    """A RenderJob in the middle of its chunks."""
    plan = PlanStatus(jobPath=f"file:///artifacts/jobs/{JOB}/job.json", jobId=JOB, frames=chunks * 30, chunks=chunks)
    spec = {"composition": {"url": "file:///artifacts/page/"}, "execution": {"parallelism": 1000}}
    return ObservedJob(
        name=f"film-{number}",
        namespace="bench",
        uid=str(uuid.UUID(int=number + 1 << 96)),
        generation=1,
        spec=RenderJobSpec.model_validate(spec),
        status=RenderJobStatus(plan=plan, chunkMap="#" * (chunks - 1000) + "a" * 1000),
    )


def as_served(job: ObservedJob, index: int, version: int) -> tuple[str, str]:
    """A chunk's Job and pod as the API server gives them, in JSON."""
    start = StartAttempt(Work(Stage.CHUNK, index), 1, "kubernetes")
    body = copy.deepcopy(attempt_job(job, start, TARGETS["kubernetes"], PLACES, Config()))
    began, ended = (BEGAN + timedelta(seconds=index + more) for more in (0, 40))
    times = {"startTime": _text(began), "completionTime": _text(ended)}
    uid = str(uuid.uuid4())
    body["metadata"] |= {"uid": uid, "resourceVersion": str(version), "creationTimestamp": _text(began)}
    body["status"] = times | {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}
    template = body["spec"]["template"]
    name = body["metadata"]["name"]
    pod: dict[str, Any] = {
        "metadata": template["metadata"]
        | {
            "name": f"{name}-x7k2p",
            "namespace": "bench",
            "uid": str(uuid.uuid4()),
            "resourceVersion": str(version + 1),
            "creationTimestamp": _text(began),
            "ownerReferences": [{"kind": "Job", "name": name, "uid": uid, "controller": True}],
        },
        "spec": template["spec"] | {"nodeName": "node-1"},
        "status": {
            "phase": "Succeeded",
            "containerStatuses": [{"name": "worker", "state": {"terminated": _end(began, ended)}}],
        },
    }
    return json.dumps(body), json.dumps(pod)


def _end(began: datetime, ended: datetime) -> dict[str, Any]:
    message = json.dumps({"exitCode": 0, "frames": 150, "sha256": "0" * 64, "bytes": 123_456, "seconds": 38.2})
    return {"exitCode": 0, "message": message, "startedAt": _text(began), "finishedAt": _text(ended)}


def _text(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def resident() -> float:
    """Memory of this process now, in MiB."""
    with open("/proc/self/statm") as statm:  # noqa: PTH123 - a line
        return int(statm.read().split()[1]) * resource.getpagesize() / 2**20


def known(chunks: int) -> None:
    """Fills a cache and prints what it takes."""
    before = resident()
    children, renders = Children(), [render(number, LARGEST) for number in range(-(-chunks // LARGEST))]
    began = time.monotonic()
    spent = 0.0
    for number, job in enumerate(renders):
        for index in range(LARGEST):
            made, pod = as_served(job, index, number * 100_000 + 2 * index + 1)
            started = time.monotonic()
            children.put_job(json.loads(made))
            children.put_pod(json.loads(pod))
            spent += time.monotonic() - started
    print(f"{chunks} chunks: {resident() - before:.0f} MiB beside the {before:.0f} MiB of the program; "
          f"{spent / chunks / 2 * 1e6:.0f} us an object, of {time.monotonic() - began:.0f} s in all")  # fmt: skip
    started = time.monotonic()
    attempts = children.attempts(renders[0].uid, "bench")
    read = time.monotonic() - started
    observation = Observation(
        job=renders[0],
        attempts=tuple(attempts),
        now=BEGAN + timedelta(days=1),
        targets=TARGETS,
        places=PLACES,
    )
    decision = reconcile(observation, Config())
    print(f"one look at a render of {LARGEST} chunks: {1000 * read:.0f} ms to read the cache, "
          f"{1000 * (time.monotonic() - started - read):.0f} ms to decide; "
          f"status {len(decision.status.model_dump_json())} bytes")  # fmt: skip
