"""Renders over several targets at once: the clouds fail as clouds do, and no film is lost."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.clouds.http_faults import Answer, Fault
from tests.clouds.lambda_server import REGION, throttled
from tests.cluster.control_plane import ControlPlane
from tests.integration.operator.api import RENDER, Api, Object, Refused, eventually, is_complete
from tests.integration.operator.cloud_world import CHUNKS, World, a_world
from tests.integration.operator.renders import render_job


@pytest.fixture
async def world(request: pytest.FixtureRequest, plane: ControlPlane, api: Api, tmp_path: Path) -> AsyncIterator[World]:
    """A world of the test's own, by its name."""
    where = "".join(letter if letter.isalnum() else "-" for letter in request.node.name.removeprefix("test_"))
    async with a_world(where[:50].strip("-").lower(), plane, api, tmp_path) as found:
        yield found


async def test_what_one_target_has_no_room_for_goes_to_the_next(world: World):
    function = await world.function(maxConcurrent=2, price={"perRequest": "0.01"})
    service = await world.service(maxConcurrent=2)
    await world.apply(function, service, world.where, parallelism=12)
    told = await world.ends_well()
    assert told["lambda"]["done"] >= 2
    assert told["service"]["done"] >= 2
    assert told[world.where]["done"] >= 1
    assert float(told["lambda"]["cost"]) == pytest.approx(0.01 * told["lambda"]["invocations"])
    assert world.aws.most_active <= 2, "its limit"
    assert len(set(world.worker.asked)) == len(world.worker.asked) == told["lambda"]["done"] + told["service"]["done"]
    jobs = await world.api.jobs(world.where)
    assert sum("-c0" in job["metadata"]["name"] for job in jobs) == told[world.where]["done"]


async def test_a_render_without_a_pod(world: World):
    function = await world.function()
    await world.apply(function, composition={"url": f"s3://fake/{world.where}/pages/"})
    await world.ends_well()
    assert await world.api.jobs(world.where) == []
    assert sorted(set(world.worker.stages)) == ["chunk", "plan", "stitch"]
    (plan,) = [request.json() for request in world.aws.invocations if request.json()["stage"] == "plan"]
    assert plan["request"]["composition"]["url"] == f"s3://fake/{world.where}/pages/"
    assert plan["jobPath"].startswith(f"s3://fake/{world.where}/requests/")


async def test_half_of_the_calls_are_throttled(world: World):
    function = await world.function()
    world.aws.fault = lambda number: Fault(instead=throttled()) if number % 2 else None
    await world.apply(function, world.where, parallelism=6)
    told = await world.ends_well()
    status = await world.until(is_complete, "the film")
    assert status["failures"] == 0, "no room is nobody's failure"
    assert told["lambda"]["done"] >= 1
    assert told[world.where]["done"] >= 1


DEAD = {
    "503": Answer(503, b"no instance"),
    "garbage": Answer(200, b"<html>hello</html>", {"Content-Type": "text/html"}),
    "403": Answer(403, b"forbidden"),
}


@pytest.mark.parametrize("answer", DEAD.values(), ids=DEAD)
async def test_a_dead_service_rests_and_is_told_of(world: World, answer: Answer):
    """Whatever it answers, pods do its work."""
    service = await world.service()
    world.google.fault = lambda number: Fault(instead=answer)

    async def rests() -> str:
        found = (await world.api.get(f"{RENDER}/rendertargets/{service}")).get("status", {})
        told = {item["type"]: item for item in found.get("conditions", ())}
        ready = told.get("Ready", {})
        return str(ready["message"]) if ready.get("reason") == "TargetResting" else ""

    # A service without instances, and a page that kills its worker, say the same: that is held to the render alone.
    told_of = asyncio.create_task(eventually(rests, "the target's condition")) if answer.status != 503 else None
    await world.apply(service, world.where, parallelism=4, retries={"total": 50})
    told = await world.ends_well()
    assert told["service"]["done"] == 0
    if told_of is not None:
        assert "rests until" in await told_of
    assert "a target rests" in world.operator.log.read_text()
    asked = len([each for each in world.google.requests if each.path.startswith("/run/")])
    assert asked <= 12, "it was left alone"


async def test_a_target_that_recovers_is_used_again(world: World):
    """There is no other: the render waits for it, says so, and fails nothing."""
    service = await world.service(maxConcurrent=3)
    world.google.fault = lambda number: Fault(instead=Answer(403, b"forbidden")) if number < 1 else None
    await world.apply(service, composition={"url": f"s3://fake/{world.where}/pages/"}, parallelism=6)
    said = await world.until(lambda status: "rests until" in json.dumps(status), "the rest to be told of")
    assert said["failures"] == 0
    await world.ends_well()


async def test_a_budget_ends_offloading_and_not_the_render(world: World):
    function = await world.function(price={"perRequest": "0.30"})
    await world.apply(function, world.where, parallelism=2, budget="1.00")
    told = await world.ends_well()
    assert float(told["lambda"]["cost"]) <= 1.0
    assert 1 <= told["lambda"]["done"] <= 3
    assert told[world.where]["done"] == CHUNKS - told["lambda"]["done"]


async def test_a_budget_alone_stalls_and_says_what_to_do(world: World):
    function = await world.function(price={"perRequest": "0.30"})
    await world.apply(function, composition={"url": f"s3://fake/{world.where}/pages/"}, parallelism=2, budget="1.00")
    status = await world.until(lambda status: "BudgetReached" in json.dumps(status), "the condition")
    assert "raise it" in json.dumps(status)
    await world.change(execution={"budget": "100.00"})
    await world.ends_well()


async def test_an_operator_that_is_killed_invokes_again_what_was_under_way(world: World):
    function = await world.function(maxConcurrent=4)
    world.worker.frozen = 2
    await world.apply(function, world.where, parallelism=6)
    await world.comes(lambda: len(world.worker.asked) >= 2, "two chunks to be under way")
    await world.operator.kill()
    await world.operator.start()
    await world.ends_well()
    assert not world.worker.thaw.is_set(), "the first calls have not been answered"
    assert all(world.worker.asked.count(chunk) <= 2 for chunk in world.worker.asked), "at most twice"


async def test_executions_are_found_again(world: World):
    """An operator that is killed leaves executions of a Cloud Run job, and its successor waits for the very same."""
    job = await world.job(maxConcurrent=4)
    world.containers.seconds = "15"
    await world.apply(job, world.where, parallelism=4)
    await world.comes(lambda: len(world.containers.started) >= 4, "four executions")
    world.containers.seconds = "0.5"
    await world.operator.kill()
    await world.operator.start()
    told = await world.ends_well()
    assert told["job"]["done"] >= 4
    assert len(world.containers.started) == told["job"]["done"], "none was begun twice"


async def test_executions_of_a_suspended_render_are_cancelled(world: World):
    """They end at once; the render goes on when it is asked to."""
    job = await world.job(maxConcurrent=3)
    world.containers.seconds = "60"
    await world.apply(job, world.where, parallelism=3)
    await world.comes(lambda: len(world.containers.started) >= 1, "an execution")
    await world.change(suspend=True)
    await world.comes(
        lambda: all(each.poll() is not None for each in world.containers.started), "the executions to be cancelled"
    )
    status = await world.until(lambda status: status.get("phase") == "Suspended", "the suspension")
    assert status["failures"] == 0
    world.containers.seconds = "0.5"
    await world.change(suspend=False)
    await world.ends_well()


async def test_a_frozen_worker_is_a_straggler(world: World):
    function = await world.function(maxConcurrent=4)
    world.worker.frozen = 1
    await world.apply(function, world.where, parallelism=6, stragglers={"factor": 2, "minimum": "3s"})
    await world.ends_well()
    assert world.worker.asked, "the function was asked"
    assert not world.worker.thaw.is_set(), "the frozen one is frozen still"


async def test_hanging_calls_keep_nobody_waiting(world: World):
    """The function answers nobody; another render, in pods, goes through meanwhile."""
    function = await world.function(maxConcurrent=8)
    world.aws.fault = lambda number: Fault(stall=True)
    await world.apply(function, composition={"url": f"s3://fake/{world.where}/pages/"}, parallelism=8)
    await world.comes(lambda: world.aws.active > 0, "a call that hangs")
    await world.api.create(
        f"{RENDER}/namespaces/{world.where}/renderjobs", render_job("other", world.where, parallelism=12)
    )
    await world.api.until(world.where, "other", is_complete, "the other film")


HOSTILE = [
    ({"execution": {"targets": [{"name": "kubernetes", "url": "http://169.254.169.254/"}]}}, "unknown field"),
    ({"execution": {"targets": [{"name": "kubernetes", "audience": "x"}]}}, "unknown field"),
    ({"execution": {"targets": [{"lambda": {"functionName": "theirs", "region": "eu-west-1"}}]}}, "unknown field"),
    ({"execution": {"serviceAccountName": "admin"}}, "unknown field"),
    ({"execution": {"budget": "all of it"}}, "must be an amount"),
]


@pytest.mark.parametrize(("spec", "said"), HOSTILE, ids=str)
async def test_a_render_job_names_no_address_or_account_of_its_own(api: Api, spec: Object, said: str):
    body = render_job("hostile", "default")
    body["spec"] = {**body["spec"], **spec}
    with pytest.raises(Refused, match=said):
        await api.create(f"{RENDER}/namespaces/default/renderjobs", body, fieldValidation="Strict", dryRun="All")


async def test_targets_of_others_and_stores_of_others_are_not_used(world: World):
    function = await world.function(allowedNamespaces=["elsewhere"])
    await world.apply(function)
    await world.until(lambda status: "TargetForbidden" in json.dumps(status), "the refusal")
    mine = await world.target("mine", **{"lambda": {"functionName": world.where, "region": REGION}})
    body = render_job("thief", mine)
    body["spec"]["artifacts"] = {"url": "s3://theirs/"}
    await world.api.create(f"{RENDER}/namespaces/{world.where}/renderjobs", body)
    await world.api.until(world.where, "thief", lambda status: "StoreForbidden" in json.dumps(status), "the refusal")
    assert world.aws.invocations == []
