"""reconcile: what follows from one observation, as a table would say it.

Long, because one function has one table of observations.
"""

import json
from dataclasses import replace
from typing import Any

import pytest

from helios_crds.renderjob_status import MAX_RETRY_ENTRIES, PlanStatus, RenderJobStatus
from helios_crds.rendertarget import KubernetesTarget, RenderTargetSpec
from helios_crds.wire import Stage
from helios_operator.decide.reconcile import reconcile
from helios_operator.model.config import NO_LIMIT
from helios_operator.model.decision import Decision
from helios_operator.model.observation import NameConflict, ObservedJob, RejectedStart, TargetCapacity
from helios_operator.model.state import PLAN, STITCH, Attempt, Work
from tests.unit.operator.builders import (
    CONFIG,
    JOB_ID,
    JOB_PATH,
    NOW,
    TARGETS,
    attempt,
    observe,
    plan_status,
    render_job,
    retry,
    seconds,
)

JOB_SPEC = {"url": "s3://media/jobs/a/job.json", "sha256": "ab" * 32}
WIDE = {"execution": {"parallelism": 2}}
TWO_TARGETS = {**TARGETS, "spot": RenderTargetSpec(kubernetes=KubernetesTarget())}
ON_TWO = {"execution": {"targets": [{"name": "kubernetes"}, {"name": "spot"}]}}


def decide(job: ObservedJob, *attempts: Attempt, **known: Any) -> Decision:
    """known: what else the observation has."""
    return reconcile(observe(job, *attempts, **known), CONFIG)


def started(decision: Decision) -> list[str]:
    """Starts as words: plan-a1, 3-a2."""
    return [
        f"{start.work.chunk if start.work.stage is Stage.CHUNK else start.work.stage}-a{start.number}"
        for start in decision.starts
    ]


def stopped(decision: Decision) -> list[str]:
    return [stop.name for stop in decision.stops]


def condition(status: RenderJobStatus, kind: str) -> tuple[str, str]:
    found = next(condition for condition in status.conditions if condition.type == kind)
    return found.status, found.reason


def test_a_new_job_is_planned():
    decision = decide(render_job())
    assert started(decision) == ["plan-a1"]
    assert decision.status.phase == "Planning"
    assert decision.status.output is not None
    assert decision.status.output.url == "file:///artifacts/out/films/teaser.mp4"
    assert condition(decision.status, "Reconciling") == ("True", "Planning")


def test_a_plan_starts_chunks():
    message = json.dumps({"jobPath": JOB_PATH, "jobId": JOB_ID, "frames": 300, "chunks": 5, "cached": "1"})
    decision = decide(render_job(spec=WIDE), attempt("succeeded", PLAN, message=message))
    assert started(decision) == ["1-a1", "2-a1"]
    assert decision.status.chunkMap == "=aa.."
    assert (decision.status.summary, decision.status.progress) == ("1/5", "20%")
    assert condition(decision.status, "Planned") == ("True", "PlanSettled")
    assert [event.reason for event in decision.events] == ["PlanSettled"]


@pytest.mark.parametrize(
    ("observed", "children", "starts", "after"),
    [
        pytest.param("....", [], ["0-a1", "1-a1"], "aa..", id="fills the window"),
        pytest.param("a...", [attempt("running", 0)], ["1-a1"], "aa..", id="one place left"),
        pytest.param("a...", [attempt("queued", 0)], ["1-a1"], "aa..", id="Kueue's queue holds a place"),
        pytest.param("a...", [attempt("succeeded", 0)], ["1-a1", "2-a1"], "#aa.", id="done: the next"),
        pytest.param("a...", [], ["0-a1", "1-a1"], "aa..", id="a vanished Job runs again"),
        pytest.param("a...", [attempt("failed", 0)], ["1-a1", "2-a1"], ".aa.", id="a failed one backs off"),
        pytest.param(
            "a...", [attempt("failed", 0, disrupted=True, finished=NOW - seconds(9))], ["0-a2", "1-a1"], "aa..",
            id="evicted",
        ),
        pytest.param(
            "aa..", [attempt("running", 0, terminating_since=NOW - seconds(999)), attempt("running", 1)],
            ["0-a2"], "aa..", id="its node is gone: another beside it",
        ),
        pytest.param("##==", [], ["stitch-a1"], "##==", id="all done: stitch"),
        pytest.param("##==", [attempt("running", STITCH)], [], "##==", id="one stitch at a time"),
        pytest.param("###", [attempt("failed", 1), attempt("running", 2)], ["stitch-a1"], "###", id="done stays done"),
    ],
)  # fmt: skip
def test_steps(observed, children, starts, after):
    decision = decide(render_job(observed, spec=WIDE), *children)
    assert started(decision) == starts
    assert decision.status.chunkMap == after


@pytest.mark.parametrize(
    ("entry", "children", "starts"),
    [
        pytest.param(retry(0, wait=5), [attempt("failed", 0)], [], id="in back-off"),
        pytest.param(retry(0, wait=-1), [attempt("failed", 0, finished=NOW - seconds(9))], ["0-a2"], id="over"),
        pytest.param(retry(0, 3, wait=-1), [], ["0-a4"], id="its Jobs are gone"),
        pytest.param(retry(0, 1, wait=-1), [attempt("succeeded", 0, finished=NOW)], ["0-a2"], id="a success given up"),
        pytest.param(retry(0, 1, wait=-1), [attempt("waiting", 0)], [], id="not before the old one is gone"),
    ],
)
def test_retries(entry, children, starts):
    assert started(decide(render_job(".", retries=[entry]), *children)) == starts


def test_a_failure_is_recorded_once():
    first = decide(render_job("a"), attempt("failed", 0))
    assert [(entry.attempt, entry.failures) for entry in first.status.retries] == [(1, 1)]
    again = decide(render_job(".", retries=first.status.retries, failures=1), attempt("failed", 0))
    assert again.status.failures == 1
    assert again.events == ()


def test_what_fails_alike_is_told_once():
    decision = decide(render_job("a" * 50), *(attempt("failed", index) for index in range(50)))
    assert [said.message.split(":")[0] for said in decision.events[:1]] == ["50 chunks failed, first"]
    assert len(decision.events) <= 2
    assert decision.status.failures == 50


def test_a_failed_duplicate_does_not_fail_its_chunk():
    decision = decide(render_job("a"), attempt("running", 0), attempt("failed", 0, 2))
    assert decision.status.retries == []
    assert stopped(decision) == []


def test_user_errors_end_the_render_with_the_workers_words():
    decision = decide(render_job("a."), attempt("failed", 0, exit_code=64, message='{"message": "frame 7: 404"}'))
    assert decision.status.phase == "Failed"
    assert decision.status.chunkMap == "!."
    assert condition(decision.status, "Failed") == ("True", "InputInvalid")
    assert condition(decision.status, "Stalled") == ("True", "InputInvalid")
    assert "chunk 0: frame 7: 404" in decision.status.conditions[0].message
    assert started(decision) == []


def test_a_render_that_ended_stops_what_runs_and_nothing_else():
    decision = decide(render_job("!a", completionTime=NOW), attempt("running", 1))
    assert stopped(decision) == ["chunk-1-a1"]
    assert decision.requeue_after is None


def test_a_pod_that_does_not_start_is_replaced_after_its_record_is_written():
    stuck = attempt("waiting", 0, age=601, waiting="ErrImagePull: no such image")
    first = decide(render_job("a"), stuck)
    assert (started(first), stopped(first)) == ([], [])
    assert first.status.retries[0].reason == "StartTimeout"
    assert "ErrImagePull" in first.events[0].message
    second = decide(render_job(".", retries=first.status.retries), stuck)
    assert stopped(second) == ["chunk-0-a1"]


def test_damaged_chunks_render_again():
    failed = attempt("failed", STITCH, message='{"badChunks": "6"}')
    first = decide(render_job("####"), failed, *(attempt("succeeded", index) for index in range(4)))
    assert first.status.chunkMap == "#aa#"
    assert started(first) == ["1-a2", "2-a2"]  # the status that says so is written before
    second = decide(
        render_job("#aa#", retries=first.status.retries), failed, *(attempt("succeeded", index) for index in range(4))
    )
    assert started(second) == started(first), "a pass that ended between status and start is made up for"
    third = decide(
        render_job("#aa#", retries=second.status.retries), failed, *(attempt("succeeded", index, 2) for index in (1, 2))
    )
    assert third.status.chunkMap == "####"
    assert [entry.stage for entry in third.status.retries] == [Stage.STITCH]


def test_a_film():
    message = json.dumps({"sha256": "ab" * 32, "bytes": 9, "frames": 120})
    decision = decide(render_job("##"), attempt("succeeded", STITCH, message=message))
    assert decision.status.phase == "Complete"
    assert decision.status.completionTime == NOW
    assert decision.status.output is not None
    assert decision.status.output.bytes == 9
    for kind in ("Ready", "Planned", "Rendered", "Complete"):
        assert condition(decision.status, kind)[0] == "True"
    for kind in ("Failed", "Suspended", "Reconciling", "Stalled"):
        assert condition(decision.status, kind)[0] == "False"


def test_ten_thousand_failures_at_once_end_the_render():
    """As when the store is away and every chunk runs."""
    count = 10_000
    job = render_job("a" * count, spec={"execution": {"parallelism": count, "retries": {"total": 200}}})
    decision = decide(job, *(attempt("failed", index) for index in range(count - 1)), attempt("succeeded", count - 1))
    assert condition(decision.status, "Failed") == ("True", "TooManyFailures")
    assert len(decision.status.retries) == decision.status.failures == MAX_RETRY_ENTRIES
    assert decision.status.chunkMap[-1] == "#"


@pytest.mark.parametrize(
    ("chunk_map", "plan"),
    [
        ("###", {"jobPath": "s3://theirs/jobs/abababab/job.json", "jobId": "abababab"}),
        ("###", {"jobPath": "file:///artifacts/jobs/../job.json"}),
        ("####", {}),
        ("", {}),
    ],
)
def test_a_plan_that_somebody_else_wrote_is_not_believed(chunk_map, plan):
    """The status is open to its writers, the store is not."""
    forged = PlanStatus.model_validate(plan_status(3).model_dump() | plan)
    decision = decide(render_job(chunk_map, plan=forged))
    assert decision.status.plan is None
    assert decision.status.chunkMap == ""
    assert [start.work for start in decision.starts] == [PLAN]


def test_the_largest_status_has_room():
    """64 KiB is the promise, with every retry on record and words of four bytes a character."""
    film = "\N{CLAPPER BOARD}"
    failed = [
        retry(index, attempt=999, failures=20).model_copy(update={"reason": "OutOfResources"}) for index in range(199)
    ]
    plan = plan_status(10_000).model_copy(update={"warnings": [film * 125] * 8})  # a result has 4,096 bytes
    job = render_job(
        "." * 10_000, retries=failed, plan=plan, failures=199, spec={"execution": {"retries": {"total": 200}}}
    )
    decision = decide(job, attempt("failed", 9999, 4, message=film * 1024, exit_code=64))
    assert decision.status.phase == "Failed"
    size = len(json.dumps(decision.status.model_dump(mode="json"), ensure_ascii=False).encode())
    assert size < 64 * 1024


def test_suspension_keeps_what_is_done():
    decision = decide(
        render_job("a..", spec={"suspend": True}), attempt("succeeded", 0), attempt("running", 1), attempt("waiting", 2)
    )
    assert decision.status.phase == "Suspended"
    assert decision.status.chunkMap[0] == "#"
    assert started(decision) == []
    assert stopped(decision) == ["chunk-1-a1", "chunk-2-a1"]
    assert decision.status.startTime is None


def test_a_straggler_gets_one_duplicate():
    done = [attempt("succeeded", index, age=20) for index in range(3)]
    decision = decide(render_job("###a"), *done, attempt("running", 3, age=61))
    assert started(decision) == ["3-a2"]
    both = decide(render_job("###a"), *done, attempt("running", 3, age=61), attempt("running", 3, 2, age=5))
    assert started(both) == []
    assert both.demand.duplicates == 1, "for its place"


def test_a_duplicate_takes_no_place_from_others():
    done = [attempt("succeeded", index, age=20) for index in range(3)]
    both = [attempt("running", 3, age=61), attempt("running", 3, 2, age=5)]
    slow = decide(render_job("###aa"), *done, *both, attempt("running", 4, age=70))
    assert (started(slow), slow.demand.duplicates) == (["4-a2"], 2)
    failed = [attempt("failed", 4, disrupted=True, finished=NOW - seconds(30))]
    ready = decide(render_job("###a."), *done, *both, *failed)
    assert (started(ready), ready.demand.duplicates) == (["4-a2"], 1)


def test_a_chunk_that_waits_for_another_target_keeps_nothing_else_waiting():
    full = {"kubernetes": TargetCapacity(free=5), "spot": TargetCapacity(free=0)}
    done = [attempt("succeeded", index, age=50, finished=NOW - seconds(50)) for index in range(3)]
    tried = [attempt("failed", 4, number, disrupted=True, finished=NOW - seconds(50)) for number in (1, 2)]
    job, running = render_job("###a.", spec=ON_TWO), attempt("running", 3, age=500)
    waiting = decide(job, *done, running, *tried, targets=TWO_TARGETS, capacity=full)
    assert started(waiting) == ["3-a2"]
    assert waiting.requeue_after == 10, "then it waits no more"


def test_a_straggler_is_looked_for_when_it_becomes_one():
    done = [attempt("succeeded", index, age=50, finished=NOW - seconds(30)) for index in range(3)]
    assert decide(render_job("###a"), *done, attempt("running", 3, age=35)).requeue_after == 25
    assert decide(render_job("###a"), *done[:2], attempt("running", 3, age=35)).requeue_after == 60, "nothing tells yet"


@pytest.mark.parametrize(
    ("chunk_map", "children"),
    [
        pytest.param(".", [attempt("failed", disrupted=True, age=60)], id="after a disruption"),
        pytest.param("###a", [*(attempt("succeeded", n) for n in range(3)), attempt("running", 3, age=99)], id="slow"),
        pytest.param("#", [attempt("failed", STITCH, disrupted=True)], id="the stitch"),
    ],
)
def test_another_try_is_made_elsewhere(chunk_map: str, children: list[Attempt]):
    job = render_job(chunk_map, spec=ON_TWO)
    later = [replace(child, finished=child.finished and NOW - seconds(30)) for child in children]
    (start,) = decide(job, *later, targets=TWO_TARGETS).starts
    assert start.target == "spot"


def test_what_is_refused_on_one_target_is_tried_on_another():
    told = RejectedStart(Work(Stage.CHUNK, 0), 2, "spot", False, "not today", NOW - seconds(1))
    job = render_job(".", spec=ON_TWO)
    before = attempt("failed", disrupted=True, age=60, finished=NOW - seconds(30))
    (start,) = decide(job, before, targets=TWO_TARGETS, rejected_starts=(told,)).starts
    assert start.target == "kubernetes"


def test_where_an_attempt_failed_is_on_record():
    """Its Job is deleted when it did not start, and a new operator has not seen it."""
    waited = attempt("waiting", age=3600)
    status = decide(render_job(".", spec=ON_TWO), waited, targets=TWO_TARGETS).status
    assert [status.targets[entry.target or 0].name for entry in status.retries] == ["kubernetes"]
    again = replace(render_job(".", spec=ON_TWO), status=status)
    later = decide(again, now=NOW + seconds(60), targets=TWO_TARGETS)
    assert [start.target for start in later.starts] == ["spot"]
    turned = {"execution": {"targets": [*reversed(ON_TWO["execution"]["targets"])]}}
    replaced = replace(again, spec=render_job(spec=turned).spec)
    changed = decide(replaced, now=NOW + seconds(1), targets=TWO_TARGETS).status
    assert [changed.targets[entry.target or 0].name for entry in changed.retries] == ["kubernetes"]


def test_a_job_that_cannot_be_deleted_is_told_of_while_suspended_too():
    job = render_job("a", spec={"suspend": True})
    undeletable = (("teaser-a1", "a webhook says no"),)
    told = decide(job, attempt("running"), undeletable=undeletable).status.conditions
    assert all("the Job teaser-a1 cannot be deleted: a webhook says no" in found.message for found in told[:1])


@pytest.mark.parametrize(
    ("spec", "known", "demand"),
    [
        pytest.param({}, {}, {"kubernetes": NO_LIMIT}, id="as many as one likes"),
        pytest.param({"targets": [{"name": "kubernetes", "maxConcurrent": 4}]}, {}, {"kubernetes": 4}, id="by its use"),
        pytest.param({}, {"all_rejected": True}, {"kubernetes": 2}, id="one more than a quota allows"),
        pytest.param(
            {"targets": [{"name": "moon"}, {"name": "kubernetes"}]}, {}, {"moon": 0, "kubernetes": 1}, id="no"
        ),
    ],
)
def test_how_many_slots_are_of_use(spec: dict[str, Any], known: dict[str, Any], demand: dict[str, int]):
    job = render_job("a...", spec={"execution": spec})
    assert decide(job, attempt("running"), **known).demand.by_target == demand


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"execution": {"targets": [{"name": "moon"}]}}, "TargetNotFound"),
        ({"execution": {"targets": [{"name": "theirs"}]}}, "TargetForbidden"),
        ({"execution": {"targets": [{"name": "lambda"}]}}, "BucketNeeded"),
        ({"output": {"url": "s3://media/out.mp4"}}, "StoreForbidden"),
        ({"output": {"url": "file:///artifacts-of-others/out.mp4"}}, "StoreForbidden"),
        (
            {"artifacts": {"url": "s3://media-private/"}, "execution": {"targets": [{"name": "media"}]}},
            "StoreForbidden",
        ),
    ],
)
def test_what_waits_for_somebody(spec, reason):
    kubernetes = KubernetesTarget()
    targets = {
        **TARGETS,
        "theirs": RenderTargetSpec(kubernetes=kubernetes, allowedNamespaces=["others"]),
        "media": RenderTargetSpec(kubernetes=kubernetes, allowedStores=["s3://media"]),
        "lambda": RenderTargetSpec.model_validate({"lambda": {"functionName": "f", "region": "eu-west-1"}}),
    }
    decision = decide(render_job(spec=spec), targets=targets)
    assert started(decision) == []
    assert decision.status.phase == "Pending"
    assert condition(decision.status, "Stalled") == ("True", reason)
    assert condition(decision.status, "Failed")[0] == "False"
    assert decision.status.completionTime is None


FINISHED = [attempt("succeeded", index, age=20) for index in range(3)]
CHUNKS = [Work(Stage.CHUNK, index) for index in range(4)]


def taken(work: Work, number: int = 1) -> NameConflict:
    return NameConflict("Job", f"{work}-a{number}", work, number)


@pytest.mark.parametrize(
    ("observed", "children", "name", "starts", "phase", "stalled"),
    [
        pytest.param("", [], taken(PLAN), [], "Pending", True, id="the plan's: nothing goes on"),
        pytest.param("..", [], taken(CHUNKS[0]), ["1-a1"], "Rendering", True, id="a chunk's: the others go on"),
        pytest.param("#.", [], taken(CHUNKS[1]), [], "Pending", True, id="the last chunk's"),
        pytest.param("##", [], taken(STITCH), [], "Pending", True, id="the stitch's"),
        pytest.param("##", [], taken(CHUNKS[0]), ["stitch-a1"], "Stitching", False, id="of a chunk that is done"),
        pytest.param(
            "a", [attempt("failed", 0, disrupted=True, finished=NOW - seconds(9))], taken(CHUNKS[0]),
            ["0-a2"], "Rendering", False, id="of an attempt that is over",
        ),
        pytest.param(
            "###a", [*FINISHED, attempt("running", 3, age=61)], taken(CHUNKS[3], 2),
            [], "Rendering", False, id="a duplicate's can wait",
        ),
    ],
)  # fmt: skip
def test_names_that_others_have(observed, children, name, starts, phase, stalled):
    job = render_job(observed)
    decision = decide(job, *children, name_conflicts=(name,))
    assert started(decision) == starts
    assert decision.status.phase == phase
    assert condition(decision.status, "Stalled") == (("True", "NameTaken") if stalled else ("False", "AsExpected"))
    assert [said.reason for said in decision.events] == (["NameTaken"] if stalled else [])
    assert decide(replace(job, status=decision.status), *children, name_conflicts=(name,)).events == ()


def refused(work: Work, pause: float, *, by_quota: bool = False) -> RejectedStart:
    return RejectedStart(
        work, 1, "kubernetes", by_quota, "exceeded quota" if by_quota else "not today", NOW + seconds(pause)
    )


@pytest.mark.parametrize(
    ("observed", "told", "starts", "phase", "marks", "stalled"),
    [
        pytest.param("", refused(PLAN, 9), [], "Pending", "", "StartRefused", id="the plan: nothing goes on"),
        pytest.param(
            "", refused(PLAN, -1), ["plan-a1"], "Pending", "", "StartRefused", id="tried again, told until it is"
        ),
        pytest.param(
            "..",
            refused(CHUNKS[0], 9, by_quota=True),
            ["1-a1"],
            "Rendering",
            ".a",
            "QuotaExceeded",
            id="a chunk: others go on",
        ),
        pytest.param(
            "..", refused(CHUNKS[0], -1), ["0-a1", "1-a1"], "Rendering", ".a", "StartRefused", id="not announced again"
        ),
        pytest.param("#.", refused(CHUNKS[0], 9), ["1-a1"], "Rendering", "#a", None, id="of a chunk that is done"),
    ],
)
def test_starts_that_are_refused(observed, told, starts, phase, marks, stalled):
    decision = decide(render_job(observed), rejected_starts=(told,))
    assert started(decision) == starts
    assert (decision.status.phase, decision.status.chunkMap) == (phase, marks)
    assert condition(decision.status, "Stalled") == (("True", stalled) if stalled else ("False", "AsExpected"))


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (render_job(spec={"composition": {"jobSpec": JOB_SPEC}, "video": {}}), "JobSpecIsPlanned"),
        (render_job("..", spec={"execution": {"activeDeadline": "30s"}}), "DeadlineExceeded"),
    ],
)
def test_what_ends_a_render(job: ObservedJob, reason: str):
    decision = decide(job)
    assert condition(decision.status, "Failed") == ("True", reason)
    assert started(decision) == []


def test_the_same_observation_gives_the_same_decision():
    observed: Any = (render_job("a..."), attempt("failed", 0), attempt("running", 1))
    assert decide(*observed) == decide(*observed)


def test_a_condition_keeps_the_time_of_its_change():
    before = decide(render_job("..")).status
    job = render_job("..", conditions=before.conditions)
    later = decide(job, now=NOW + seconds(100)).status
    assert {condition.lastTransitionTime for condition in later.conditions} == {NOW}


def test_ten_thousand_chunks_fit_into_a_status():
    retries = [retry(index, attempt=12_345, failures=20) for index in range(256)]
    job = render_job("." * 10_000, retries=retries, spec={"execution": {"parallelism": 5000}})
    children = [attempt("running", index) for index in range(256, 5000)]
    status = decide(job, *children).status
    assert len(status.model_dump_json().encode()) < 64 * 1024


@pytest.mark.parametrize(("age", "failures"), [(1, 0), (9, 1)])
def test_a_result_that_may_be_on_its_way_is_waited_for(age, failures):
    ended = attempt("succeeded", PLAN, exit_code=None, finished=NOW - seconds(age))
    decision = decide(render_job(), ended)
    assert started(decision) == []
    assert decision.status.failures == failures


@pytest.mark.parametrize(
    ("chunk_map", "capacity", "expected"),
    [
        pytest.param("", TargetCapacity(free=0), [], id="a plan waits for a slot"),
        pytest.param("", TargetCapacity(granted=0, free=5), [], id="a plan waits for its share"),
        pytest.param("", TargetCapacity(granted=1, free=1), ["plan-a1"], id="a plan takes one"),
        pytest.param("##", TargetCapacity(free=0), [], id="a stitch waits for a slot"),
        pytest.param("##", TargetCapacity(granted=1, free=1), ["stitch-a1"], id="a stitch takes one"),
    ],
)
def test_plans_and_stitches_need_slots_too(chunk_map: str, capacity: TargetCapacity, expected: list[str]):
    decision = decide(render_job(chunk_map), capacity={"kubernetes": capacity})
    assert started(decision) == expected
    assert decision.status.phase in ("Pending", "Planning", "Stitching")
    waits = f"{'the stitch' if chunk_map else 'the plan'} waits for a slot, since other work has those of kubernetes ("
    assert (waits in decision.status.conditions[0].message) == (not expected)


def test_a_stitch_does_not_wait_for_a_second_attempt_that_is_being_deleted():
    leftover = attempt("running", 1, 2, stopping=True)
    slots = {"kubernetes": TargetCapacity(granted=1, free=1)}
    assert started(decide(render_job("##"), leftover, capacity=slots)) == ["stitch-a1"]


def test_a_slot_that_comes_at_once_is_not_called_a_wait():
    new = replace(render_job(), created=NOW - seconds(2))
    decision = decide(new, capacity={"kubernetes": TargetCapacity(granted=0, free=0)})
    assert "waits for a slot" not in decision.status.conditions[0].message
    assert decision.requeue_after == 8
