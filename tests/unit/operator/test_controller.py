"""The controller at an API server in memory: what is written, in which order, and what one fault costs the others.

Long, because all of it runs one controller at one API server in memory.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from helios_adapters import CloudAdapter, Deployment
from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.wire import Payload, Reply, Stage
from helios_operator.control import capacity, controller, executor, status_rate_limit
from helios_operator.kube import paths
from helios_operator.kube.client import ApiError
from helios_operator.manifests.names import attempt_name
from helios_operator.model.config import Config, Store
from helios_operator.model.state import Work
from helios_operator.observed import name_conflicts, rejected_starts
from helios_operator.offload.connections import Connections
from tests.unit.operator.api_server import ApiServer, Operator, condition
from tests.unit.operator.builders import NOW, UID, plan_status, render_job, seconds

JOBS = paths.jobs("films")
FEW = {"kubernetes": {}, "maxConcurrent": 2}
STALLED = ("True", "NameTaken")


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passes follow each other at once."""
    monkeypatch.setattr(controller, "reconcile_interval", lambda chunks: 0.01)
    monkeypatch.setattr(name_conflicts, "CHECK_INTERVAL", 0.05)
    monkeypatch.setattr(controller, "CHECK_INTERVAL", 0.05)
    monkeypatch.setattr(capacity, "COLLECT_SECONDS", 0.01)
    monkeypatch.setattr(controller, "AFTER_ERROR", 0.05)


@pytest.fixture
def server() -> ApiServer:
    return ApiServer()


@pytest.fixture
def operator(server: ApiServer) -> Operator:
    return Operator(server)


PLAN_MESSAGE = json.dumps(
    {"jobPath": plan_status(4).jobPath, "jobId": plan_status(4).jobId, "frames": 120, "chunks": 4, "cached": "0"}
)


def ended(job: dict[str, Any], how: str = "Complete") -> dict[str, Any]:
    """A Job that has come to its end."""
    status = {"conditions": [{"type": how, "status": "True"}]}
    return {**job, "metadata": {**job["metadata"], "resourceVersion": "1000"}, "status": status}


def pod_of(job: dict[str, Any], message: str, exit_code: int = 0) -> dict[str, Any]:
    """Its pod, which has ended too."""
    owner = {"kind": "Job", "uid": job["metadata"]["uid"], "controller": True}
    state = {"terminated": {"exitCode": exit_code, "message": message}}
    return {
        "metadata": {"name": "pod", "namespace": "films", "uid": "pod", "ownerReferences": [owner]},
        "status": {
            "phase": "Failed" if exit_code else "Succeeded",
            "containerStatuses": [{"name": "worker", "state": state}],
        },
    }


def planned(chunks: int) -> dict[str, Any]:
    return {"plan": plan_status(chunks).model_dump(mode="json"), "chunkMap": "." * chunks}


def chunk_job(index: int) -> str:
    return f"{JOBS}/{attempt_name(render_job(), Work(Stage.CHUNK, index), 1)}"


async def test_an_invalid_spec_is_a_condition_and_others_carry_on(operator: Operator, server: ApiServer):
    path = operator.apply(status=planned(2), execution={"parallelism": 0})
    other = operator.apply("other", uid="11111111-0000-4000-8000-000000000000")

    async def scenario() -> None:
        await operator.until(lambda: condition(server.objects[path], "Stalled")[0] == "True", "the condition")
        status = server.objects[path]["status"]
        assert condition(server.objects[path], "Stalled") == ("True", "InvalidSpec")
        assert condition(server.objects[path], "Ready") == ("False", "InvalidSpec")
        assert condition(server.objects[path], "Reconciling") == ("False", "InvalidSpec")
        assert "spec.execution.parallelism" in status["conditions"][0]["message"]
        assert (status["phase"], status["observedGeneration"], status["chunkMap"]) == ("Pending", 1, "..")
        await operator.until(lambda: "status" in server.objects[other] and server.written("create", JOBS), "the other")
        before = len(server.written("patch", "teaser/status"))
        for _ in range(5):
            await operator.looks()
        assert len(server.written("patch", "teaser/status")) == before, "written once"
        assert not server.written("patch", "/events"), "told once"
        operator.apply(execution={"parallelism": 1})
        await operator.until(lambda: server.objects[path]["status"]["phase"] == "Rendering", "the repaired render")
        assert condition(server.objects[path], "Stalled")[0] == "False"
        await operator.until(lambda: chunk_job(0) in server.objects, "its first chunk")

    await operator.works(scenario)
    assert not server.written("delete", "")


async def test_a_render_that_ended_keeps_its_status_whatever_becomes_of_its_spec(operator: Operator, server: ApiServer):
    operator.apply(
        status={"completionTime": "2026-01-01T12:00:00Z", "phase": "Complete", "observedGeneration": 1}, execution=7
    )

    await operator.works(operator.looks)
    assert server.calls == []


async def test_a_taken_name_stalls_its_chunk_only_until_it_is_free(operator: Operator, server: ApiServer):
    server.put(chunk_job(0), {"metadata": {"name": "theirs"}})
    path = operator.apply(status=planned(3))

    async def scenario() -> None:
        await operator.until(lambda: {chunk_job(1), chunk_job(2)} <= server.objects.keys(), "the other chunks")
        await operator.until(lambda: condition(server.objects[path], "Stalled") == STALLED, "the condition")
        found = server.objects[path]["status"]
        assert condition(server.objects[path], "Reconciling")[0] == "True"
        assert (found["phase"], found["chunkMap"]) == ("Rendering", ".aa")
        assert f"another owner has a Job named {chunk_job(0).removeprefix(f'{JOBS}/')}:" in str(found["conditions"])
        await operator.until(lambda: len(server.written("get", chunk_job(0))) > 3, "several looks at the name")
        tries = [body for body in server.written("create", JOBS) if chunk_job(0).endswith(body["metadata"]["name"])]
        assert len(tries) == 1, "looks are reads"
        del server.objects[chunk_job(0)]
        await operator.until(lambda: condition(server.objects[path], "Stalled")[0] == "False", "the condition's end")
        await operator.until(lambda: chunk_job(0) in server.objects, "the chunk whose name is free")

    await operator.works(scenario)
    told = [event for event in server.written("create", "/events") if event["reason"] == "NameTaken"]
    assert len(told) == 1


async def test_a_taken_page_stalls_the_render(operator: Operator, server: ApiServer):
    page = f"{paths.core('configmaps', 'films')}/teaser-0a1b2c3d-page"
    server.put(page, {"metadata": {"name": "theirs"}})
    path = operator.apply()

    async def scenario() -> None:
        await operator.until(lambda: condition(server.objects[path], "Stalled") == STALLED, "the condition")
        assert condition(server.objects[path], "Reconciling")[0] == "False"
        assert server.objects[path]["status"]["phase"] == "Pending"
        del server.objects[page]
        await operator.until(lambda: page in server.objects, "the page")
        await operator.until(lambda: server.objects[path]["status"]["phase"] == "Planning", "the plan")

    await operator.works(scenario)


async def test_a_target_never_has_more_than_it_takes(operator: Operator, server: ApiServer):
    operator.controller.put_target(
        server.put(f"{paths.TARGETS}/kubernetes", {"metadata": {"name": "kubernetes"}, "spec": FEW})
    )
    operator.apply(status=planned(4))

    async def scenario() -> None:
        def started() -> list[str]:
            return [body["metadata"]["name"] for body in server.written("create", JOBS)]

        await operator.until(lambda: len(started()) == 2, "as many chunks as the target takes")
        others = [f"{index}fffffff-0000-4000-8000-000000000000" for index in range(4)]
        for index, uid in enumerate(others):
            operator.apply(f"late-{index}", uid=uid, status=planned(4))
        await operator.looks(UID, *others)
        assert len(started()) == 2, "the share of each is one or none, but no place is free"

    await operator.works(scenario)


async def test_all_places_are_taken_once_the_plan_is_known(
    operator: Operator, server: ApiServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(controller, "reconcile_interval", lambda chunks: 60.0 if chunks else 0.0)
    operator.apply()

    async def scenario() -> None:
        await operator.until(lambda: server.written("create", JOBS), "the plan")
        made = next(body for path, body in server.objects.items() if JOBS in path)
        operator.controller.children.put_job(ended(made))
        operator.controller.children.put_pod(pod_of(made, PLAN_MESSAGE))
        operator.controller.queue.add(UID)
        await operator.until(lambda: len(server.written("create", JOBS)) == 5, "four chunks, in no time")

    await operator.works(scenario)


async def test_nothing_is_kept_of_news_about_what_is_gone(operator: Operator):
    operator.apply()
    operator.controller.drop_render_job(UID)

    async def scenario() -> None:
        operator.controller.queue.add(UID)  # as its Jobs go, one by one
        await operator.until(lambda: UID not in operator.controller.queue._requested, "the request to be dropped")

    await operator.works(scenario)


async def test_progress_waits_for_its_turn(operator: Operator, server: ApiServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(status_rate_limit, "BURST", 0)
    monkeypatch.setattr(status_rate_limit, "RATE", 1 / 60)
    operator.apply("before", uid="0a000000-0000-4000-8000-000000000000", status={**planned(1), "chunks": {"total": 1}})
    operator.apply(status={**planned(4), "chunks": {"total": 4}})

    async def scenario() -> None:
        await operator.until(lambda: len(server.written("create", JOBS)) == 5, "chunks start without")
        assert len(server.written("patch", "/status")) == 1, "that of the one before"
        failing = next(body for path, body in server.objects.items() if f"{JOBS}/teaser" in path)
        operator.controller.children.put_job(ended(failing, "Failed"))
        operator.controller.children.put_pod(pod_of(failing, "", exit_code=1))
        operator.controller.queue.add(UID)
        await operator.until(lambda: len(server.written("patch", "/status")) == 2, "a failure is put on record at once")

    await operator.works(scenario)


async def test_places_that_become_free_are_taken_soon(operator: Operator, server: ApiServer):
    operator.controller.put_target(
        server.put(f"{paths.TARGETS}/kubernetes", {"metadata": {"name": "kubernetes"}, "spec": FEW})
    )
    first = operator.apply(status={**planned(4), "chunks": {"total": 4}})
    other = "ffffffff-0000-4000-8000-000000000000"
    operator.apply("second", uid=other, status={**planned(4), "chunks": {"total": 4}})

    async def scenario() -> None:
        def started() -> list[str]:
            return [body["metadata"]["name"] for body in server.written("create", JOBS)]

        await operator.until(lambda: len(started()) == 2, "a chunk of each")
        assert sum(name.startswith("second-") for name in started()) == 1
        await operator.looks(UID, other)  # from here on nothing but the time would have them looked at
        operator.controller.drop_render_job(UID)
        del server.objects[first]
        await operator.looks(UID, other)
        assert len(started()) == 2, "its chunk still runs"
        mine = next(body for path, body in server.objects.items() if JOBS in path and "second-" not in path)
        operator.controller.children.drop_job(mine["metadata"]["uid"])
        await operator.until(lambda: sum(name.startswith("second-") for name in started()) == 2, "its second chunk")

    await operator.works(scenario)


async def test_a_deletion_while_its_status_is_being_written_leaves_no_ghost(operator: Operator, server: ApiServer):
    path = operator.apply(status=planned(2))
    patch = server.patch

    async def patch_over_a_deletion(where: str, body: Any) -> Any:
        answer = await patch(where, body)
        operator.controller.drop_render_job(UID)
        server.objects.pop(path, None)
        return answer

    server.patch = patch_over_a_deletion  # type: ignore[method-assign, assignment]

    async def scenario() -> None:
        await operator.until(lambda: server.written("patch", "/status"), "the status' write")
        await operator.looks()

    await operator.works(scenario)
    assert operator.controller.render_jobs() == []
    assert [verb for verb, where, _ in server.calls if "/events" not in where] == ["patch"], "nothing is started"


async def test_a_deletion_that_nobody_told_of_is_found_by_the_next_write(operator: Operator, server: ApiServer):
    path = operator.apply(status=planned(2))
    del server.objects[path]

    async def scenario() -> None:
        await operator.until(lambda: not operator.controller.render_jobs(), "the ghost's end")

    await operator.works(scenario)
    assert len(server.written("patch", "/status")) == 1
    assert not server.written("create", JOBS)


async def test_a_change_that_nobody_told_of_is_read(operator: Operator, server: ApiServer):
    path = operator.apply(status=planned(2))
    server.put(path, server.objects[path])

    async def scenario() -> None:
        await operator.until(lambda: len(server.written("create", JOBS)) == 2, "both chunks")

    await operator.works(scenario)


async def test_a_list_takes_away_what_is_older_than_itself_and_brings_nothing_back(
    operator: Operator, server: ApiServer
):
    path = operator.apply()
    listed = server.objects[path]
    at = int(listed["metadata"]["resourceVersion"])
    operator.apply("newer", uid="ffffffff-0000-4000-8000-000000000000")
    operator.controller.keep_render_jobs(set(), at)
    assert [job.name for job in operator.controller.render_jobs()] == ["newer"]
    operator.controller.put_render_job(listed)
    assert [job.name for job in operator.controller.render_jobs()] == ["newer"]


QUOTA = 'jobs.batch "x" is forbidden: exceeded quota: few, requested: count/jobs.batch=1, used: 3, limited: 3'


@pytest.mark.parametrize(
    ("message", "reason"),
    [(QUOTA, "QuotaExceeded"), ("admission webhook denied the request: not today", "StartRefused")],
)
async def test_starts_that_are_refused_are_told_and_tried_again(
    operator: Operator, server: ApiServer, message: str, reason: str
):
    create, refused = server.create, [chunk_job(index).removeprefix(f"{JOBS}/") for index in (0, 2)]

    async def refuse(path: str, body: Any) -> Any:
        if body["metadata"].get("name") in refused:
            server.calls.append(("refused", path, body))
            raise ApiError(403, "Forbidden", message)
        return await create(path, body)

    server.create = refuse  # type: ignore[method-assign]
    path = operator.apply(status={**planned(4), "chunks": {"total": 4}})

    def noted() -> int:
        """Rejections that the controller has taken note of: each start then waits for a later time."""
        return sum(line["event"] == "a start is rejected" for line in lines)

    async def later(is_so: Callable[[], bool], what: str) -> None:
        server.now += seconds(rejected_starts.PAUSE.cap)
        operator.controller.queue.add(UID)
        await operator.until(is_so, what)

    async def scenario() -> None:
        await operator.until(lambda: {chunk_job(1), chunk_job(3)} <= server.objects.keys(), "the other chunks")
        await operator.until(lambda: condition(server.objects[path], "Stalled") == ("True", reason), "the condition")
        found = server.objects[path]["status"]
        assert (found["phase"], found["chunkMap"]) == ("Rendering", ".a.a")
        assert message in str(found["conditions"])
        assert "1 more start" in str(found["conditions"])
        assert noted() == 2
        assert len(server.written("refused", JOBS)) == 2
        await later(lambda: noted() == 4, "another try")
        assert len(server.written("refused", JOBS)) == 4
        assert condition(server.objects[path], "Stalled") == ("True", reason)
        assert len(server.written("patch", "teaser/status")) <= 3, "nothing new, nothing written"
        refused.clear()
        await later(lambda: condition(server.objects[path], "Stalled")[0] == "False", "the condition's end")
        await operator.until(lambda: {chunk_job(0), chunk_job(2)} <= server.objects.keys(), "the refused chunks")

    with capture_logs() as lines:
        await operator.works(scenario)
    assert [event["reason"] for event in server.written("create", "/events")].count(reason) == 1
    assert server.objects[path]["status"]["failures"] == 0


async def test_a_server_that_refuses_all_is_not_asked_for_all(operator: Operator, server: ApiServer):
    def refuse(verb: str, path: str) -> None:
        if verb == "create" and path == JOBS:
            raise ApiError(403, "Forbidden", QUOTA)

    server.refuse = refuse
    path = operator.apply(status={**planned(30), "chunks": {"total": 30}}, execution={"parallelism": 30})

    async def scenario() -> None:
        await operator.until(
            lambda: condition(server.objects[path], "Stalled") == ("True", "QuotaExceeded"), "the condition"
        )

    await operator.works(scenario)
    assert server.objects[path]["status"]["phase"] == "Pending"
    assert condition(server.objects[path], "Reconciling")[0] == "False"
    assert len(server.written("create", JOBS)) == executor.BATCH


async def test_a_stop_that_is_refused_keeps_nothing_else_from_being_done(operator: Operator, server: ApiServer):
    """The Job of a chunk that is done goes on; others are deleted, what is due starts, and somebody hears of it."""
    webhook = "admission webhook denied the request: jobs are never deleted"

    def refuse(verb: str, path: str) -> None:
        if verb == "delete" and path == chunk_job(0):
            raise ApiError(403, "Forbidden", webhook)

    path = operator.apply(status={**planned(4), "chunks": {"total": 4}}, execution={"parallelism": 2})

    async def scenario() -> None:
        await operator.until(lambda: {chunk_job(0), chunk_job(1)} <= server.objects.keys(), "two chunks")
        second = server.objects[chunk_job(1)]["metadata"]["uid"]
        server.refuse = refuse
        done = {**server.objects[path]["status"], "chunkMap": "##.."}
        operator.controller.put_render_job(server.put(path, {**server.objects[path], "status": done}))
        await operator.until(lambda: chunk_job(1) not in server.objects, "the other one's end")
        operator.controller.queue.add(operator.controller.children.drop_job(second) or "")
        await operator.until(lambda: {chunk_job(2)} <= server.objects.keys(), "the next chunk")
        await operator.until(lambda: webhook in str(server.objects[path]["status"]["conditions"]), "the words")
        server.refuse = lambda verb, path: None
        await operator.until(lambda: chunk_job(0) not in server.objects, "the end of the first one")
        await operator.until(lambda: webhook not in str(server.objects[path]["status"]["conditions"]), "no words")

    await operator.works(scenario)


async def test_the_only_target_duplicates_its_stragglers(operator: Operator, server: ApiServer):
    """The last chunk that runs is all that a render asks places for, but for its duplicate."""
    operator.apply(status={**planned(4), "chunks": {"total": 4}}, execution={"stragglers": {"minimum": "5s"}})

    async def scenario() -> None:
        await operator.until(lambda: {chunk_job(index) for index in range(4)} <= server.objects.keys(), "the chunks")
        for index in range(4):
            job = server.objects[chunk_job(index)]
            pod = pod_of(job, "")
            state = pod["status"]["containerStatuses"][0]["state"]
            began = {"startedAt": NOW.isoformat()}
            pod["metadata"] |= {"name": f"pod{index}", "uid": f"pod{index}"}
            if index == 3:
                pod["status"] |= {"phase": "Running"}
                state.clear()
                state["running"] = began
            else:
                state["terminated"] |= began | {"finishedAt": (NOW + seconds(2)).isoformat()}
                operator.controller.children.put_job(ended(job))
            operator.controller.children.put_pod(pod)
        server.now = NOW + seconds(60)
        operator.controller.queue.add(UID)
        duplicate = f"{JOBS}/{attempt_name(render_job(), Work(Stage.CHUNK, 3), 2)}"
        await operator.until(lambda: duplicate in server.objects, "the duplicate")

    await operator.works(scenario)


async def test_who_cannot_start_anything_keeps_no_slots_from_others(operator: Operator, server: ApiServer):
    """Neither for want of a target that it may use, nor for a quota: another of less priority takes all but one."""
    theirs = {"kubernetes": {}, "maxConcurrent": 10, "allowedNamespaces": ["elsewhere"]}
    for name, spec in (("theirs", theirs), ("kubernetes", {"kubernetes": {}, "maxConcurrent": 10})):
        meta = {"name": name, "uid": name}
        operator.controller.put_target(server.put(f"{paths.TARGETS}/{name}", {"metadata": meta, "spec": spec}))
    greedy = {"priority": 100, "parallelism": 10_000}
    many = {**planned(9), "chunks": {"total": 10_000}}
    targets = [{"name": "kubernetes"}, {"name": "theirs"}]
    operator.apply("forbidden", uid="f", status=many, execution={**greedy, "targets": targets})

    def refuse(verb: str, path: str) -> None:
        if verb == "create" and path == JOBS and server.calls[-1][2]["metadata"]["name"].startswith("limited"):
            raise ApiError(403, "Forbidden", QUOTA)

    server.refuse = refuse
    operator.apply("limited", uid="l", status=many, execution=greedy)
    operator.apply("modest", uid="m", status={**planned(30), "chunks": {"total": 30}}, execution={"parallelism": 30})

    def started(name: str) -> int:
        return sum(path.startswith(f"{JOBS}/{name}") for path in server.objects)

    async def scenario() -> None:
        await operator.until(lambda: started("modest") == 9, "nine of ten slots")

    await operator.works(scenario)
    assert (started("forbidden"), started("limited")) == (0, 0)


async def test_what_the_api_server_rejects_is_tried_on_a_function(server: ApiServer):
    """It is invoked, and the rejection, which nobody has to mend any more, is told no longer."""
    asked: list[Payload] = []

    class Function(CloudAdapter[Any]):
        async def deploy(self, config: object) -> Deployment:
            return Deployment("function", 10)

        async def invoke(self, payload: Payload, key: str = "") -> Reply:
            asked.append(payload)
            await asyncio.Event().wait()
            raise AssertionError("nobody answers")

    async def connect(spec: RenderTargetSpec) -> tuple[CloudAdapter[Any], Deployment]:
        return Function(), Deployment("function", 10)

    def refuse(verb: str, path: str) -> None:
        if verb == "create" and path == JOBS:
            raise ApiError(403, "Forbidden", QUOTA)

    server.refuse = refuse
    operator = Operator(server, Config(store=Store(url="s3://media/", claim="")), Connections(connect))
    spec = {"lambda": {"functionName": "f", "region": "eu-west-1"}, "allowedStores": ["s3://media/"]}
    meta = {"name": "function", "uid": "function"}
    operator.controller.put_target(server.put(f"{paths.TARGETS}/function", {"metadata": meta, "spec": spec}))
    plan = plan_status(1).model_copy(update={"jobPath": f"s3://media/jobs/{plan_status(1).jobId}/job.json"})
    targets = [{"name": "kubernetes"}, {"name": "function"}]
    status = {"plan": plan.model_dump(mode="json"), "chunkMap": ".", "chunks": {"total": 1}}
    path = operator.apply(status=status, execution={"targets": targets})

    async def scenario() -> None:
        await operator.until(lambda: condition(server.objects[path], "Stalled")[1] == "QuotaExceeded", "the condition")
        server.now += seconds(rejected_starts.PAUSE.cap)
        operator.controller.queue.add(UID)
        await operator.until(lambda: asked, "the call")
        await operator.until(lambda: condition(server.objects[path], "Stalled")[0] == "False", "the condition's end")

    await operator.works(scenario)
    assert [(payload.stage, payload.chunkIndex) for payload in asked] == [(Stage.CHUNK, 0)]
    assert server.objects[path]["status"]["chunkMap"] == "a"
