"""A page that turns out to depend on what was drawn before: the render is planned again by itself, once."""

import json
from dataclasses import replace
from typing import Any

import pytest

from helios_crds.renderjob_status import ReplanStatus
from helios_crds.wire import OTHER_ENGINE
from helios_operator.decide.reconcile import reconcile
from helios_operator.manifests.request import request_text
from helios_operator.model.decision import Decision
from helios_operator.model.observation import ObservedJob
from helios_operator.model.state import PLAN, STITCH, Attempt
from tests.unit.operator.builders import CONFIG, JOB_ID, NOW, attempt, observe, render_job, seconds

NEXT_ID = "cd" * 10
REMEDY = "render with {composition.seeking: Stateful}"
WHAT = "frame 60 looks different when the page jumps to it than when it plays up to it"
FAILED = {"error": "SeamMismatch", "remedy": REMEDY, "message": f"{WHAT}; render with composition.seeking: Stateful"}
SEAM = {**FAILED, "seeking": "Stateful"}
OTHER = {"error": OTHER_ENGINE, "message": "fonts 650b there, ce7c here"}
JOB_SPEC = {"url": "s3://a/job.json", "sha256": "ab" * 32}


def failed(work: Any = 1, message: Any = SEAM, **fields: Any) -> Attempt:
    return attempt("failed", work, message=json.dumps(message), exit_code=64, plan=JOB_ID, **fields)


def seeking(job: ObservedJob) -> str:
    """What the next plan is asked for."""
    places = observe(job).places
    return str(json.loads(request_text(job, places))["composition"]["seeking"])


def after(job: ObservedJob, decision: Decision) -> ObservedJob:
    """The RenderJob with the status that was decided, as the next observation has it."""
    return replace(job, status=decision.status)


@pytest.mark.parametrize(
    ("chunk_map", "work"), [pytest.param("#a.a", 1, id="in a chunk"), pytest.param("####", STITCH, id="in the stitch")]
)
def test_it_is_planned_again_with_all_frames_drawn(chunk_map, work):
    job = render_job(chunk_map)
    assert seeking(job) == "Auto"
    known = [failed(work), *([attempt("running", 3, plan=JOB_ID)] if "a" in chunk_map else [])]
    decision = reconcile(observe(job, *known), CONFIG)
    status = decision.status
    assert (status.phase, status.plan, status.chunkMap, status.failures) == ("Planning", None, "", 0)
    assert status.replans is not None
    assert (status.replans.count, status.replans.drawn) == (1, True)
    [event] = decision.events
    assert (event.reason, WHAT in event.message) == ("PlannedAgain", True)
    assert "seeking" not in event.message + status.lastFailure, "nobody has to do anything"

    job = after(job, decision)
    assert seeking(job) == "Stateful"
    later = reconcile(observe(job, *known, now=NOW + seconds(5)), CONFIG)
    assert [str(start.work) for start in later.starts] == ["the plan"]
    assert [stop.why for stop in later.stops] == ["the render was planned again"] * (len(known) - 1)

    message = {"jobPath": f"file:///artifacts/jobs/{NEXT_ID}/job.json", "jobId": NEXT_ID, "frames": 240, "chunks": 4}
    plan = attempt("succeeded", PLAN, 2, created=NOW + seconds(5), message=json.dumps({**message, "stateful": True}))
    drawn = reconcile(observe(job, *known, plan, now=NOW + seconds(30)), CONFIG)
    assert drawn.status.chunkMap == "aaaa"
    assert drawn.status.plan is not None
    assert drawn.status.plan.jobId == NEXT_ID


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param({}, FAILED, id="all frames were drawn already"),
        pytest.param({"spec": {"composition": {"inline": "<p>", "seeking": "Seekable"}}}, SEAM, id="asked for"),
        pytest.param({"replans": ReplanStatus(count=1, drawn=True)}, SEAM, id="it was planned again already"),
        pytest.param({"replans": ReplanStatus(count=5)}, SEAM, id="an old definition of RenderJobs keeps no record"),
        pytest.param({"spec": {"composition": {"jobSpec": JOB_SPEC}}}, SEAM, id="a job.json"),
    ],
)
def test_it_ends_where_another_plan_would_not_help_or_is_not_wanted(fields, message):
    decision = reconcile(observe(render_job("#a.a", **fields), failed(message=message)), CONFIG)
    assert decision.status.phase == "Failed"
    assert "spec.composition.seeking: Stateful" in decision.events[-1].message


def test_another_engine_later_does_not_forget_it():
    job = render_job("#a.a", replans=ReplanStatus(count=1, drawn=True))
    decision = reconcile(observe(job, failed(message=OTHER, image="sha256:" + "b" * 64)), CONFIG)
    assert decision.status.replans is not None
    assert (decision.status.replans.count, decision.status.replans.drawn) == (2, True)
    assert seeking(after(job, decision)) == "Stateful"
