"""Another worker image in the middle of a render: helm upgrade, uninstall and install, nodes with different images."""

import json
from dataclasses import replace
from typing import Any

import pytest

from helios_crds.renderjob_status import ReplanStatus
from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.wire import OTHER_ENGINE, Stage
from helios_operator.decide.reconcile import reconcile
from helios_operator.manifests.job import attempt_job
from helios_operator.model.config import Config, Store
from helios_operator.model.decision import Decision, StartAttempt
from helios_operator.model.image import image_record
from helios_operator.model.locations import places_of
from helios_operator.model.observation import ObservedJob
from helios_operator.model.state import PLAN, STITCH, Attempt, Work
from helios_operator.observed import parse
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

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
OURS = "registry.test/helios-worker:2"
PINNED = f"registry.test/helios-worker@{A}"
OTHER = json.dumps({"error": OTHER_ENGINE, "message": "fonts 650b there, ce7c here"})
NEXT_ID = "cd" * 10
CLOUD = {**TARGETS, "f": RenderTargetSpec.model_validate({"lambda": {"functionName": "f", "region": "eu-west-1"}})}


def planned(image: str = "", target: str = "kubernetes", **fields: Any):
    return plan_status(fields.pop("chunks", 4)).model_copy(update={"image": image, "target": target, **fields})


def after(job: ObservedJob, decision: Decision) -> ObservedJob:
    """The RenderJob with the status that was decided, as the next observation has it."""
    return replace(job, status=decision.status)


def other(chunk: int, image: str = B, **fields: Any) -> Attempt:
    return attempt("failed", chunk, message=OTHER, image=image, plan=JOB_ID, **fields)


def stalled(decision: Decision) -> tuple[str, str]:
    found = next(each for each in decision.status.conditions if each.type == "Stalled")
    return (found.reason, found.message) if found.status == "True" else ("", "")


@pytest.mark.parametrize(
    ("image", "image_id", "record"),
    [
        pytest.param("registry.test/w:1", f"registry.test/w@{A}", f"registry.test/w@{A}", id="pulled"),
        pytest.param("registry.test:5000/w:1", f"registry.test:5000/w@{A}", f"registry.test:5000/w@{A}", id="a port"),
        pytest.param("w:1", f"docker.io/library/w@{A}", f"w@{A}", id="Docker Hub's short name"),
        pytest.param("me/w", f"docker.io/me/w@{A}", f"me/w@{A}", id="Docker Hub"),
        pytest.param("w:1", f"docker-pullable://w@{A}", f"w@{A}", id="cri-dockerd"),
        pytest.param("w:1", A, A, id="loaded into the node"),
        pytest.param("w:1", f"docker://{A}", A, id="loaded, cri-dockerd"),
        pytest.param("w:1", f"docker.io/library/import-2026-01-01@{A}", A, id="kind load: a name on this node alone"),
        pytest.param(PINNED, f"registry.test/helios-worker@{A}", PINNED, id="pinned before"),
        pytest.param("w:1", "", "w:1", id="not started"),
        pytest.param("w:1", "what?", "", id="not an ID"),
    ],
)
def test_what_identifies_an_image(image, image_id, record):
    assert image_record(image, image_id) == record


def made(job, start, config):
    target = TARGETS["kubernetes"]
    return attempt_job(job, start, target, places_of(job, {"kubernetes": target}, config), config)


def test_the_plans_pod_says_its_image():
    body = made(render_job(), StartAttempt(PLAN, 1, "kubernetes"), CONFIG)
    body["metadata"] |= {"uid": "j", "creationTimestamp": "2026-01-01T11:59:00Z"}
    body["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    result = json.dumps({"jobPath": JOB_PATH, "jobId": JOB_ID, "frames": 300, "chunks": 5})
    ended = {"terminated": {"exitCode": 0, "message": result}}
    pod = {
        "metadata": {"name": "p", "uid": "p"},
        "spec": {"containers": [{"name": "worker", "image": "registry.test/helios-worker:1"}]},
        "status": {
            "phase": "Succeeded",
            "containerStatuses": [{"name": "worker", "imageID": PINNED, "state": ended}],
        },
    }
    seen = parse.attempt(body, [pod])
    assert seen is not None
    decision = reconcile(observe(render_job(), seen), CONFIG)
    assert decision.status.plan is not None
    assert (decision.status.plan.image, decision.status.plan.target) == (PINNED, "kubernetes")


@pytest.mark.parametrize(
    ("image", "policy", "work", "used"),
    [
        pytest.param(PINNED, "IfNotPresent", Work(Stage.CHUNK, 1), PINNED, id="a chunk has the plan's"),
        pytest.param(PINNED, "Always", STITCH, PINNED, id="the stitch too"),
        pytest.param(PINNED, "IfNotPresent", PLAN, OURS, id="another plan has the operator's"),
        pytest.param(A, "IfNotPresent", STITCH, OURS, id="an image without a registry keeps its tag"),
        pytest.param("", "IfNotPresent", STITCH, OURS, id="a plan of an older operator"),
        pytest.param(f"evil.test/w@{A}", "IfNotPresent", STITCH, OURS, id="a status that somebody wrote"),
        pytest.param(f"registry.test/helios-worker/x@{A}", "IfNotPresent", STITCH, OURS, id="a folder of ours"),
        pytest.param("registry.test/helios-worker:9", "IfNotPresent", STITCH, OURS, id="a tag"),
        pytest.param(PINNED, "Never", STITCH, OURS, id="nodes get images by hand"),
    ],
)
def test_later_pods_use_the_plans_image(image, policy, work, used):
    config = Config(image=OURS, image_pull_policy=policy)
    job = render_job("....", plan=planned(image))
    body = made(job, StartAttempt(work, 1, "kubernetes"), config)
    assert body["spec"]["template"]["spec"]["containers"][0]["image"] == used


def test_another_engine_plans_again_and_costs_nothing():
    job = render_job("#a.a", plan=planned(A))
    decision = reconcile(observe(job, attempt("running", 3, plan=JOB_ID), other(1)), CONFIG)
    status = decision.status
    assert (status.phase, status.plan, status.chunkMap, status.failures) == ("Planning", None, "", 0)
    assert [(each.reason, "chunk 1" in each.message) for each in decision.events] == [("PlannedAgain", True)]
    assert status.replans is not None
    assert (status.replans.count, status.replans.images) == (1, [A, B])
    later = reconcile(
        observe(after(job, decision), attempt("running", 3, plan=JOB_ID), other(1), now=NOW + seconds(5)), CONFIG
    )
    assert [str(start.work) for start in later.starts] == ["the plan"]
    assert [stop.why for stop in later.stops] == ["the render was planned again"]


def test_a_store_that_moves_has_the_render_planned_again_and_costs_nothing():
    """An admin allows a deeper prefix: what is in the old place, and the Jobs that write there, no longer count."""
    elsewhere = planned(A).model_copy(update={"jobPath": f"s3://before/jobs/{JOB_ID}/job.json"})
    job = render_job("#a..", plan=elsewhere, retries=[retry(2)])
    known = [attempt("succeeded", PLAN, image=A), attempt("succeeded", 1, plan=JOB_ID), attempt("failed", 2)]
    decision = reconcile(observe(job, *known), CONFIG)
    status = decision.status
    assert (status.phase, status.plan, status.chunkMap, status.failures) == ("Planning", None, "", 0)
    assert [(each.reason, "not in its store" in each.message) for each in decision.events] == [("PlannedAgain", True)]
    later = reconcile(observe(after(job, decision), *known, now=NOW + seconds(5)), CONFIG)
    assert [(str(start.work), start.number) for start in later.starts] == [("the plan", 2)]
    assert later.status.failures == 0


def replan(message: dict[str, Any], *known: Attempt) -> Decision:
    """From a plan with another engine to the next one, whose pod says `message`."""
    first = render_job("#a.a", plan=planned(A))
    job = after(first, reconcile(observe(first, *known), CONFIG))
    plan = attempt("succeeded", PLAN, 2, created=NOW + seconds(5), message=json.dumps(message), image=B)
    return reconcile(observe(job, plan, *known, now=NOW + seconds(30)), CONFIG)


def test_what_the_new_engine_has_rendered_before_is_kept():
    path = f"file:///artifacts/jobs/{NEXT_ID}/job.json"
    message = {"jobPath": path, "jobId": NEXT_ID, "frames": 300, "chunks": 4, "cached": "2"}
    decision = replan(message, attempt("succeeded", 0, plan=JOB_ID), other(1))
    assert decision.status.chunkMap == "a=aa", "chunk 0 was rendered by the other engine"
    assert decision.status.plan is not None
    assert decision.status.plan.image == B
    assert {start.number for start in decision.starts if start.work.chunk == 0} == {2}


def test_back_to_the_same_engine_its_chunks_count_and_old_news_does_not():
    message = {"jobPath": JOB_PATH, "jobId": JOB_ID, "frames": 300, "chunks": 4, "cached": "0"}
    decision = replan(message, attempt("succeeded", 0, plan=JOB_ID), other(1), attempt("failed", 2, plan=JOB_ID))
    assert decision.status.chunkMap == "aaaa"
    again = reconcile(
        observe(
            replace(render_job(), status=decision.status),
            attempt("succeeded", 0, plan=JOB_ID),
            other(1),
            now=NOW + seconds(31),
        ),
        CONFIG,
    )
    assert again.status.chunkMap[0] == "#"
    assert (again.status.failures, again.status.plan is None) == (0, False)


def test_nodes_with_different_images_are_named():
    """The plan runs now with the one, now with the other, and so do the chunks."""
    job, decision = render_job(), None
    replans = ReplanStatus(count=3, returns=1, images=[A, B])
    job = render_job("a...", plan=planned(A), replans=replans)
    decision = reconcile(observe(job, other(1)), CONFIG)
    reason, message = stalled(decision)
    assert reason == "ImagesDiffer"
    assert A in message
    assert B in message
    assert decision.status.replans is not None
    assert decision.status.replans.returns == 2
    again = reconcile(observe(after(job, decision), now=NOW + seconds(10)), CONFIG)
    assert again.starts == (), "with growing pauses"


def test_one_rollback_is_not_yet_a_node_with_another_image():
    job = render_job("a...", plan=planned(B), replans=ReplanStatus(count=1, returns=0, images=[A, B]))
    assert stalled(reconcile(observe(job, other(1, image=A)), CONFIG)) == ("", "")


@pytest.mark.parametrize("why", ["ImagePullBackOff: Back-off", "ErrImagePull: not found", "ErrImageNeverPull: no"])
def test_a_pinned_image_that_is_gone_waits_for_somebody(why):
    job = render_job("aa", plan=planned(PINNED, chunks=2), startTime=NOW - seconds(9000))
    pods = [attempt("waiting", index, age=8000, waiting=why, image=PINNED, plan=JOB_ID) for index in range(2)]
    decision = reconcile(observe(job, *pods), CONFIG)
    reason, message = stalled(decision)
    assert reason == "ImageGone"
    assert PINNED in message
    assert "apply it again" in message
    assert why in message
    assert (decision.status.phase, decision.status.failures) == ("Pending", 0)
    running = attempt("running", 1, plan=JOB_ID, image=PINNED)
    assert reconcile(observe(job, pods[0], running), CONFIG).status.phase == "Rendering", "the rest goes on"


def test_an_image_of_the_operator_that_is_gone_is_a_failed_start():
    waiting = attempt("waiting", PLAN, age=8000, waiting="ErrImagePull: x", image="worker:1")
    assert reconcile(observe(render_job(), waiting), CONFIG).status.retries[0].reason == "StartTimeout"


@pytest.mark.parametrize(
    ("plan_on", "chunk_on", "again"),
    [
        pytest.param("f", "f", True, id="the function that planned was changed"),
        pytest.param("", "kubernetes", True, id="an old plan, a pod"),
        pytest.param("f", "kubernetes", False, id="pods differ from the function"),
    ],
)
def test_who_differs_decides(plan_on, chunk_on, again):
    config = replace(CONFIG, store=Store(url="s3://media/", claim=""))
    plan = planned(target=plan_on, jobPath=f"s3://media/jobs/{JOB_ID}/job.json")
    job = render_job("a...", plan=plan, spec={"execution": {"targets": [{"name": "f"}, {"name": "kubernetes"}]}})
    decision = reconcile(observe(job, other(0, target=chunk_on), config=config, targets=CLOUD), config)
    assert (decision.status.plan is None) is again
    assert decision.status.phase != "Failed"


def test_the_least_of_it_is_on_record():
    """A status of 64 KiB has room for it."""
    replans = ReplanStatus(count=99, returns=9, images=[f"{'r' * 400}@sha256:{index:064}" for index in range(4)])
    job = render_job("a...", plan=planned(A), replans=replans)
    status = reconcile(observe(job, other(1, image=B)), CONFIG).status
    assert status.replans is not None
    assert status.replans.images[-1] == B
    assert len(status.replans.images) == 4
