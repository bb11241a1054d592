"""A render that an older operator began, under this one: its status, its Jobs, and the job.json of its worker."""

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from helios_crds.renderjob_status import RenderJobStatus
from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.wire import Payload, Reply, Stage
from helios_operator.decide.policies.call_outcomes import message_of
from helios_operator.decide.reconcile import reconcile
from helios_operator.model.config import Store
from helios_operator.model.decision import Decision
from helios_operator.model.observation import ObservedJob, RejectedStart
from helios_operator.model.state import PLAN, STITCH, Attempt, Work
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.jobs.identity import job_bytes
from helios_worker.jobs.layout import job_key
from helios_worker.runtime import WorkerRuntime
from tests.unit.operator.builders import (
    CONFIG,
    JOB_ID,
    NOW,
    TARGETS,
    attempt,
    observe,
    plan_status,
    render_job,
    seconds,
)
from tests.unit.worker import builders

CHUNK = Work(Stage.CHUNK, 1)
NEXT = plan_status(4).model_copy(update={"jobId": "cd" * 10, "jobPath": f"file:///artifacts/jobs/{'cd' * 10}/job.json"})
FUNCTION = RenderTargetSpec.model_validate({"lambda": {"functionName": "f", "region": "eu-west-1"}})


def reply(folder, work: Work) -> Reply:
    """What this worker says about a job.json of the release before."""
    store = ArtifactStore(folder.as_uri())
    content = orjson.loads(job_bytes(builders.job(0, 60, 120)))
    content["helios"]["format"] = 1
    content["id"] = "0123456789abcdef" * 2 + "01234567"
    store.put(job_key(content["id"]), orjson.dumps(content))
    worker = WorkerRuntime(folder, lanes=1)
    try:
        return worker.process(
            Payload(jobPath=store.url + job_key(content["id"]), stage=work.stage, chunkIndex=work.chunk)
        )
    finally:
        worker.close()


def older(chunk_map: str, **fields) -> ObservedJob:
    """With the fields that a status had then."""
    job: ObservedJob = render_job(chunk_map, **fields)
    assert job.status.plan is not None
    plan = job.status.plan.model_dump(exclude={"target", "image"})
    kept = job.status.model_dump(mode="json", exclude={"plan", "lastFailure", "replans", "operator"})
    return replace(job, status=RenderJobStatus.model_validate({**kept, "plan": plan}))


def refused(folder, work: Work, **fields) -> Attempt:
    said = reply(folder, work)
    return attempt(
        "failed", work, exit_code=said.exitCode, message=message_of(said, work.stage), **{"plan": JOB_ID, **fields}
    )


def later(job: ObservedJob, decision: Decision, after: timedelta, *attempts: Attempt, **fields) -> Decision:
    job = replace(job, status=RenderJobStatus.model_validate_json(decision.status.model_dump_json()))
    return reconcile(observe(job, *attempts, now=NOW + after, **fields), fields.get("config", CONFIG))


@pytest.mark.parametrize(
    ("chunk_map", "work"), [pytest.param("#a.a", CHUNK, id="a chunk"), pytest.param("####", STITCH, id="the stitch")]
)
def test_it_is_planned_again(tmp_path, chunk_map, work):
    job, failed = older(chunk_map), refused(tmp_path, work)
    old = [attempt("running", 3), attempt("succeeded", 0), attempt("succeeded", PLAN)]
    decision = reconcile(observe(job, failed, *old), CONFIG)
    assert (decision.status.phase, decision.status.plan, decision.status.failures) == ("Planning", None, 0)
    assert [each.reason for each in decision.events] == ["PlannedAgain"]
    assert "has format 1" in decision.events[0].message
    again = later(job, decision, seconds(5), failed, *old)
    assert [(str(each.work), each.number) for each in again.starts] == [("the plan", 2)]
    assert [(each.name, each.why) for each in again.stops] == [("chunk-3-a1", "the render was planned again")]


def test_its_jobs_have_no_part_in_the_next_plan(tmp_path):
    job, failed = older("#a.a"), refused(tmp_path, CHUNK)
    old = [attempt("succeeded", 0), attempt("failed", 3), attempt("succeeded", 2)]
    decision = later(job, reconcile(observe(job, failed, *old), CONFIG), seconds(5))
    made = decision.status.model_copy(update={"plan": NEXT, "chunkMap": "....", "retries": []})
    known = replace(decision, status=made)
    began = later(job, known, seconds(9), failed, *old)
    assert (began.status.chunkMap, began.status.failures, began.status.plan) == ("aaaa", 0, NEXT)
    assert {(each.work.chunk, each.number) for each in began.starts} == {(0, 2), (1, 2), (2, 2), (3, 2)}


def test_they_do_not_keep_a_quota_from_it(tmp_path):
    job, failed = older("#a.a"), refused(tmp_path, CHUNK)
    old = [attempt("succeeded", 2)]
    rejected = RejectedStart(PLAN, 2, "kubernetes", by_quota=True, message="exceeded quota", until=NOW + seconds(60))
    decision = reconcile(observe(job, failed, *old), CONFIG)
    again = later(job, decision, seconds(5), failed, *old, rejected_starts=(rejected,))
    assert [each.name for each in again.stops] == ["chunk-1-a1"]


def test_functions_alone_plan_again_too(tmp_path):
    """The status does not say that the function made the plan; if it only rested, nobody would ever go on."""
    config = replace(CONFIG, store=Store(url="s3://media/", claim=""))
    path = f"s3://media/jobs/{JOB_ID}/job.json"
    plan = plan_status(4).model_copy(update={"jobPath": path})
    job = older("#a..", plan=plan, spec={"execution": {"targets": [{"name": "f"}]}})
    failed = refused(tmp_path, CHUNK, target="f")
    decision = reconcile(observe(job, failed, config=config, targets={**TARGETS, "f": FUNCTION}), config)
    assert (decision.status.plan, decision.status.failures) == (None, 0)


def test_who_differs_after_the_end_of_a_chunk_does_not_matter(tmp_path):
    """A second attempt at a slow chunk, on another node: the first one has rendered it."""
    job = older("###.")
    decision = reconcile(observe(job, refused(tmp_path, CHUNK, number=2), attempt("running", 3)), CONFIG)
    assert decision.status.plan is not None


@pytest.mark.parametrize("chunk_map", ["....", "#=a.", "####"])
def test_its_status_is_written_once(chunk_map):
    """What is new in the status comes with the first decision, and then nothing changes by itself."""
    job = older(chunk_map)
    attempts = [attempt("running", index) for index, mark in enumerate(chunk_map) if mark == "a"]
    first = reconcile(observe(job, *attempts), CONFIG)
    started = [attempt("running", each.work, each.number, plan=JOB_ID, age=0) for each in first.starts]
    second = later(job, first, seconds(1), *attempts, *started)
    third = later(job, second, seconds(2), *attempts, *started)
    assert second.starts == third.starts == ()
    assert second.status == third.status
