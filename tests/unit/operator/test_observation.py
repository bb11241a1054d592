"""From objects to attempts; the cache; the queue."""

import asyncio
from typing import Any

import pytest

from helios_crds.wire import Stage
from helios_operator.cache import Children
from helios_operator.manifests.job import attempt_job
from helios_operator.observe import attempt, owner_uid, render_job
from helios_operator.state import AttemptPhase, StartAttempt, Work
from helios_operator.work_queue import WorkQueue
from tests.unit.operator import builders

MADE = "2026-01-01T12:00:00Z"


def job(uid: str = "j1", number: int = 1, *, rv: int = 1, status: Any = None, **meta: Any) -> dict[str, Any]:
    body = attempt_job(
        builders.render_job("..."), StartAttempt(Work(Stage.CHUNK, 2), number, "kubernetes"), builders.CONFIG
    )
    body["metadata"] |= {"uid": uid, "resourceVersion": str(rv), "creationTimestamp": MADE, **meta}
    return {**body, "status": status or {}}


def pod(state: dict[str, Any], *, uid: str = "p1", of: str = "j1", made: str = MADE, **more: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "uid": uid,
            "resourceVersion": "1",
            "creationTimestamp": made,
            "ownerReferences": [{"kind": "Job", "uid": of}],
            **more.pop("metadata", {}),
        },
        "status": {"containerStatuses": [{"name": "worker", "state": state}], **more},
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


def test_why_a_pod_waits():
    status = {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3"}]}
    found = attempt(job(), [{"metadata": {"uid": "p"}, "status": status}])
    assert found is not None
    assert found.waiting == "Unschedulable: 0/3"


def test_forged_owners_are_not_believed():
    assert owner_uid(job()) == builders.UID
    assert owner_uid(job(ownerReferences=[{"uid": "another", "controller": True}])) is None
    assert owner_uid(job(labels={})) is None


def test_a_status_that_makes_no_sense_counts_as_none():
    body = {
        "metadata": {"name": "a", "namespace": "b", "uid": "c"},
        "spec": {"composition": {"inline": "x"}},
        "status": {"chunkMap": 7},
    }
    assert render_job(body).status.chunkMap == ""


def test_the_cache_takes_no_older_news():
    cache = Children()
    cache.put_job(job(rv=5, status=conditions("Complete")))
    assert cache.put_job(job(rv=4)) is None
    assert cache.attempts(builders.UID)[0].phase is AttemptPhase.SUCCEEDED


def test_what_was_created_outlives_an_older_list():
    cache = Children()
    cache.expect_job(job(rv=9))
    assert cache.replace_jobs([], at=8) == set()
    assert len(cache.attempts(builders.UID)) == 1
    assert cache.replace_jobs([], at=9) == {builders.UID}
    assert cache.attempts(builders.UID) == []


def test_a_pods_last_words_outlive_it():
    cache = Children()
    cache.put_job(job(status=conditions("Failed")))
    last = pod({"terminated": {"exitCode": 64, "message": "no page"}}, phase="Failed")
    cache.put_pod(last)
    cache.drop_pod(last)
    assert cache.attempts(builders.UID)[0].message == "no page"


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
