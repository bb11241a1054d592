"""From objects to attempts; the cache; the queue.

Long, because Jobs and pods are built in one way for parsing and caching.
"""

import asyncio
from typing import Any

import pytest

from helios_crds.wire import Stage
from helios_operator.kube.work_queue import WorkQueue
from helios_operator.manifests.job import attempt_job
from helios_operator.model.decision import StartAttempt
from helios_operator.model.observation import InvalidJob, ObservedJob
from helios_operator.model.state import AttemptPhase, Work
from helios_operator.observed.children import Children
from helios_operator.observed.parse import attempt, owner_uid, render_job
from tests.unit.operator import builders

MADE, LATER = "2026-01-01T12:00:00Z", "2026-01-01T12:30:00Z"
GONE = {"metadata": {"deletionTimestamp": "2026-01-01T12:05:00Z"}}
EVICTED = {
    "conditions": [
        {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "evicting"}
    ]
}
SCHEDULED = {"type": "PodReadyToStartContainers", "status": "False"}
NO_NODE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3"}
CREATING = {"waiting": {"reason": "ContainerCreating"}}
OUT_OF_MEMORY = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}


def job(uid: str = "j1", number: int = 1, *, rv: int = 1, status: Any = None, **meta: Any) -> dict[str, Any]:
    body = attempt_job(
        builders.render_job("..."),
        StartAttempt(Work(Stage.CHUNK, 2), number, "kubernetes"),
        builders.TARGETS["kubernetes"],
        builders.observe(builders.render_job("...")).places,
        builders.CONFIG,
    )
    body["metadata"] |= {"uid": uid, "resourceVersion": str(rv), "creationTimestamp": MADE, **meta}
    return {**body, "status": status or {}}


def pod(state: dict[str, Any], *, uid: str = "p1", of: str = "j1", made: str = MADE, **more: Any) -> dict[str, Any]:
    status = {name: value for name, value in more.items() if name not in ("metadata", "spec")}
    return {
        "spec": more.get("spec", {}),
        "metadata": {
            "name": uid,
            "uid": uid,
            "resourceVersion": "1",
            "creationTimestamp": made,
            "namespace": "films",
            "ownerReferences": [{"kind": "Job", "uid": of, "controller": True}],
            **more.get("metadata", {}),
        },
        "status": {"containerStatuses": [{"name": "worker", "state": state}], **status},
    }


def conditions(*kinds: str) -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": "True", "lastTransitionTime": MADE} for kind in kinds]}


@pytest.mark.parametrize(
    ("body", "pods", "phase"),
    [
        pytest.param(job(), [], AttemptPhase.WAITING, id="no pod yet"),
        pytest.param(job(), [pod({"waiting": {"reason": "ErrImagePull"}})], AttemptPhase.WAITING, id="no image"),
        pytest.param(job(), [pod({"running": {"startedAt": MADE}})], AttemptPhase.RUNNING, id="running"),
        pytest.param(job(), [pod({"terminated": {"exitCode": 0}})], AttemptPhase.RUNNING, id="not yet said by the Job"),
        pytest.param(job(status=conditions("Complete")), [], AttemptPhase.SUCCEEDED, id="done"),
        pytest.param(
            job(status=conditions("Failed")),
            [pod({"running": {"startedAt": MADE}})],
            AttemptPhase.RUNNING,
            id="pod lags",
        ),
        pytest.param(job(status=conditions("Failed")), [], AttemptPhase.FAILED, id="failed, pod gone"),
        pytest.param(job(), [pod(CREATING, phase="Failed", reason="Evicted")], AttemptPhase.RUNNING, id="evicted"),
        pytest.param(
            job(status=conditions("Failed")),
            [pod(CREATING, phase="Failed")],
            AttemptPhase.FAILED,
            id="and its Job failed",
        ),
    ],
)
def test_phases(body, pods, phase):
    found = attempt(body, pods)
    assert found is not None
    assert (found.work.chunk, found.number, found.phase) == (2, 1, phase)


def test_the_youngest_pod_counts():
    evicted = pod(
        {"terminated": {"exitCode": 137}}, uid="p0", made="2026-01-01T11:00:00Z", **conditions("DisruptionTarget")
    )
    found = attempt(job(), [evicted, pod({"running": {"startedAt": MADE}})])
    assert found is not None
    assert (found.exit_code, found.disrupted) == (None, False)


def test_a_replacement_waits_from_its_own_creation():
    old = pod({"terminated": {"exitCode": 143}}, uid="p0", **conditions("DisruptionTarget"))
    found = attempt(job(status={"startTime": MADE}), [old, pod({}, made="2026-01-01T12:30:00Z")])
    assert found is not None
    assert found.created.minute == 30


@pytest.mark.parametrize(
    ("pods", "words"),
    [
        pytest.param([], "no pod exists: a quota or an admission rule may reject it", id="no pod"),
        pytest.param([pod({}, conditions=[NO_NODE])], "Unschedulable: 0/3", id="no node"),
        pytest.param(
            [pod({"waiting": {"reason": "ErrImagePull", "message": "not found"}}, conditions=[SCHEDULED])],
            "ErrImagePull: not found",
            id="no image",
        ),
        pytest.param(
            [pod(CREATING, conditions=[SCHEDULED], spec=job()["spec"]["template"]["spec"])],
            "ContainerCreating: a volume is missing or not ready (claim helios-artifacts), see "
            "`kubectl events --for pod/p1`",
            id="no volume",
        ),
        pytest.param(
            [pod(CREATING, conditions=[SCHEDULED], spec={"volumes": [{"secret": {"secretName": "preview"}}]})],
            "a volume is missing or not ready (Secret preview)",
            id="no Secret",
        ),
        pytest.param(
            [pod(CREATING, conditions=[{**SCHEDULED, "status": "True"}])],
            "ContainerCreating: its image is being pulled",
            id="pulling",
        ),
    ],
)  # fmt: skip
def test_why_a_pod_waits(pods, words):
    found = attempt(job(), pods)
    assert found is not None
    assert words in found.waiting


@pytest.mark.parametrize(
    ("state", "more", "disrupted", "leaving"),
    [
        pytest.param({"terminated": {"exitCode": 143}}, {}, False, "", id="told to stop, nobody knows by whom"),
        pytest.param({"terminated": {"exitCode": 143}}, GONE, True, "the pod was deleted", id="deleted"),
        pytest.param({"running": {"startedAt": MADE}}, GONE, True, "the pod was deleted", id="being deleted"),
        pytest.param({"terminated": {"exitCode": 64}}, GONE, False, "the pod was deleted", id="failed before"),
        pytest.param(OUT_OF_MEMORY, GONE, False, "the pod was deleted", id="out of memory before"),
        pytest.param({"running": {"startedAt": MADE}}, EVICTED, True, "EvictionByEvictionAPI: evicting", id="evicted"),
    ],
)
def test_who_took_a_pod_away(state, more, disrupted, leaving):
    seen = attempt(job(), [pod(state, **more)])
    assert seen is not None
    assert (seen.disrupted, seen.leaving) == (disrupted, leaving)


@pytest.mark.parametrize("ended", [{"terminated": {"exitCode": 137, "finishedAt": LATER}}, {}])
def test_a_pod_that_is_not_replaced_is_waited_for_no_longer_than_any_other(ended):
    gone = {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet", "lastTransitionTime": LATER}
    found = attempt(job(), [pod(ended, phase="Failed", conditions=[gone])])
    assert found is not None
    assert (found.phase, found.created.isoformat()) == ("waiting", LATER.replace("Z", "+00:00"))
    assert "a quota or an admission rule" in found.waiting
    another = pod({"running": {"startedAt": LATER}}, uid="p2", made=LATER)
    replaced = attempt(job(), [pod(ended, phase="Failed", conditions=[gone]), another])
    assert replaced is not None
    assert replaced.phase == "running"


def test_the_kubelets_words_of_a_pod_come_before_its_containers():
    lost = {"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown", "message": "could not be located"}}
    found = attempt(job(), [pod(lost, phase="Failed", reason="Evicted", message="usage exceeds 1Mi")])
    assert found is not None
    assert (found.reason, found.message) == ("Evicted", "usage exceeds 1Mi")


@pytest.mark.parametrize(
    ("conditions", "silent"),
    [
        pytest.param({"Ready": "True", "ContainersReady": "True"}, False, id="at work"),
        pytest.param({"Ready": "False", "ContainersReady": "True"}, True, id="the node controller doubts it"),
        pytest.param({"Ready": "False", "ContainersReady": "False"}, False, id="its kubelet ends it"),
        pytest.param({}, False, id="not scheduled"),
    ],
)
def test_a_node_that_does_not_answer(conditions, silent):
    told = [{"type": kind, "status": status} for kind, status in conditions.items()]
    found = attempt(job(), [pod({"running": {"startedAt": MADE}}, conditions=told)])
    assert found is not None
    assert found.silent is silent


def test_a_pod_that_ran_for_too_long_is_leaving_before_it_has_ended():
    verdict = {"phase": "Failed", "reason": "DeadlineExceeded", "message": "longer than the deadline"}
    found = attempt(job(), [pod({"running": {"startedAt": MADE}}, **verdict)])
    assert found is not None
    assert (found.leaving, found.disrupted) == ("DeadlineExceeded: longer than the deadline", False)


def test_forged_owners_are_not_believed():
    assert owner_uid(job()) == builders.UID
    (ours,) = job()["metadata"]["ownerReferences"]
    lies = [{"uid": "another"}, {"controller": False}, {"kind": "ConfigMap"}, {"apiVersion": "v1"}]
    for lie in lies:
        assert owner_uid(job(ownerReferences=[ours | lie])) is None, lie
    assert owner_uid(job(labels={})) is None


def test_what_another_namespace_claims_is_not_believed():
    cache = Children()
    cache.put_job(job("theirs", number=2, namespace="elsewhere", status=conditions("Complete")))
    cache.put_job(job(status=conditions("Failed")))
    cache.put_pod(pod({"terminated": {"exitCode": 64, "message": "no page"}}, phase="Failed"))
    lie = pod({"terminated": {"exitCode": 0, "message": "{}"}}, uid="p2", made="2026-01-01T13:00:00Z")
    cache.put_pod({**lie, "metadata": {**lie["metadata"], "namespace": "elsewhere"}})
    (found,) = cache.attempts(builders.UID, "films")
    assert (found.number, found.exit_code, found.message) == (1, 64, "no page")


def test_a_pod_belongs_to_the_job_that_controls_it():
    cache = Children()
    cache.put_job(job(status=conditions("Failed")))
    lie = pod({"terminated": {"exitCode": 0}})
    assert (
        cache.put_pod({**lie, "metadata": {**lie["metadata"], "ownerReferences": [{"kind": "Job", "uid": "j1"}]}})
        is None
    )


def test_a_status_that_makes_no_sense_counts_as_none():
    body = {
        "metadata": {"name": "a", "namespace": "b", "uid": "c"},
        "spec": {"composition": {"inline": "x"}},
        "status": {"chunkMap": 7},
    }
    assert render_job(body).status.chunkMap == ""


def test_a_mistake_names_its_fields():
    spec = {"composition": {"inline": "x"}, "execution": {"parallelism": 0}, "video": {"crf": "no"}, "z" * 999: 1}
    found = render_job({"metadata": {"name": "a", "namespace": "b", "uid": "c", "generation": 4}, "spec": spec})
    assert isinstance(found, InvalidJob)
    assert found.generation == 4
    assert "spec.execution.parallelism: Input should be greater than or equal to 1" in found.error
    assert len(found.error) < 1000


@pytest.mark.parametrize("spec", [None, {}, [], {"composition": 7}])
def test_what_is_no_spec_is_a_mistake(spec):
    body = {"metadata": {"name": "a", "namespace": "b", "uid": "c"}, "spec": spec}
    assert isinstance(render_job(body), InvalidJob)


def test_the_cache_takes_no_older_news():
    cache = Children()
    cache.put_job(job(rv=5, status=conditions("Complete")))
    assert cache.put_job(job(rv=4)) is None
    assert cache.attempts(builders.UID, "films")[0].phase is AttemptPhase.SUCCEEDED


def test_what_was_created_outlives_an_older_list():
    cache = Children()
    cache.expect_job(job(rv=9))
    assert cache.keep_jobs([], at=8) == set()
    assert len(cache.attempts(builders.UID, "films")) == 1
    assert cache.keep_jobs([], at=9) == {builders.UID}
    assert cache.attempts(builders.UID, "films") == []


def test_a_pods_last_words_outlive_it():
    cache = Children()
    cache.put_job(job(status=conditions("Failed")))
    last = pod({"terminated": {"exitCode": 64, "message": "no page"}}, phase="Failed")
    cache.put_pod(last)
    cache.drop_pod(last)
    assert cache.attempts(builders.UID, "films")[0].message == "no page"


def test_nothing_is_kept_of_pods_that_outlive_their_job():
    cache = Children()
    cache.put_job(job(status=conditions("Complete")))
    last = pod({"terminated": {"exitCode": 0}}, phase="Succeeded")
    cache.put_pod(last)
    cache.drop_job("j1")
    cache.put_pod({**last, "metadata": {**last["metadata"], "resourceVersion": "9"}})
    cache.drop_pod(last)
    assert not cache._early


async def test_the_queue_coalesces():
    queue = WorkQueue()
    for delay in (0.0, 5.0, 0.0):
        queue.add("a", delay)
    queue.add("b", 0.01)
    assert await queue.take() == "a"
    queue.add("a")
    assert await queue.take() == "b"  # a is being worked on
    queue.done("a")
    assert await queue.take() == "a"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.take(), 0.05)


async def test_whoever_takes_is_cancelled_in_the_moment_of_a_change_too():
    queue = WorkQueue()
    queue.add("later", 60.0)
    taking = asyncio.create_task(queue.take())
    await asyncio.sleep(0.01)
    queue.add("sooner", 30.0)
    taking.cancel()
    await asyncio.wait({taking}, timeout=5)
    assert taking.cancelled()


def test_of_a_render_that_ended_little_is_kept():
    told = {"phase": "Complete", "observedGeneration": 2, "completionTime": MADE, "chunkMap": "#" * 1000}
    meta = {"name": "a", "namespace": "films", "uid": "u", "generation": 2}
    found = render_job({"metadata": meta, "spec": {"composition": {"inline": "<p>" * 1000}}, "status": told})
    assert isinstance(found, ObservedJob)
    assert (found.status.phase, found.status.chunkMap) == ("Complete", "")
    assert found.status.completionTime is not None
    assert found.spec.composition.inline is None
