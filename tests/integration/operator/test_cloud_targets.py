"""Renders over several targets at once: the clouds fail as clouds do, and no film is lost.

A real operator and API server, pods that kwok plays, and functions and services that speak as AWS and Google do, over
workers that only pretend.
"""

import asyncio
import json
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.clouds.cloud_run_server import PARENT, CloudRunServer
from tests.clouds.cloud_run_server import PROJECT as GOOGLE_PROJECT
from tests.clouds.cloud_run_server import REGION as GOOGLE_REGION
from tests.clouds.http_faults import Answer, Fault, Request
from tests.clouds.lambda_server import REGION, LambdaServer, throttled
from tests.cluster.control_plane import ControlPlane
from tests.integration.operator.api import RENDER, Api, Object, Refused, eventually, is_complete
from tests.integration.operator.operator_process import OperatorProcess
from tests.integration.operator.proxy import proxy
from tests.integration.operator.renders import film_message, plan_message, render_job, target
from tests.integration.operator.scenarios import side_by_side

CHUNKS = 12
PATIENCE = 120
AT_ONCE = 4


@dataclass
class Pretender:
    """A worker that takes its time and renders nothing. It keeps count of the chunks that it was asked for.

    frozen: how many of the first ones it does not answer until the end.
    """

    seconds: float = 0.5
    asked: list[int] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)
    frozen: int = 0
    thaw: threading.Event = field(default_factory=threading.Event)

    def __call__(self, payload: bytes) -> dict[str, Any]:
        given = json.loads(payload)
        self.stages.append(given["stage"])
        if given["stage"] == "chunk":
            self.asked.append(given["chunkIndex"])
            if len(self.asked) <= self.frozen:
                self.thaw.wait(600)
        time.sleep(self.seconds)  # the work itself
        said = {"plan": plan_message(CHUNKS), "stitch": film_message(CHUNKS)}.get(given["stage"], '{"exitCode": 0}')
        return {"exitCode": 0, "result": json.loads(said)}


@dataclass
class Containers:
    """Starts the containers of a Cloud Run job: each takes its time, and ends when it is told to."""

    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    seconds: str = "3"

    def __call__(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        self.started.append(subprocess.Popen(["sleep", self.seconds]))
        return self.started[-1]

    def end(self) -> None:
        """Ends what still runs."""
        for each in self.started:
            each.kill()
            each.wait()


@dataclass
class World:
    """An operator for one namespace, its targets and its clouds."""

    api: Api
    where: str
    operator: OperatorProcess
    aws: LambdaServer
    google: CloudRunServer
    worker: Pretender
    containers: Containers

    async def target(self, name: str, **spec: Any) -> str:
        """Makes a RenderTarget of a name of this namespace's."""
        body = {
            "apiVersion": "helios.video/v1alpha1",
            "kind": "RenderTarget",
            "metadata": {"name": f"{self.where}-{name}"},
            "spec": {"allowedStores": ["s3://fake/"], **spec},
        }
        await self.api.create(f"{RENDER}/rendertargets", body)
        return f"{self.where}-{name}"

    async def function(self, **spec: Any) -> str:
        """Makes a Lambda function and the target for it."""
        self.aws.create_function(self.where)
        return await self.target("lambda", **{"lambda": {"functionName": self.where, "region": REGION}, **spec})

    async def service(self, **spec: Any) -> str:
        """Makes a Cloud Run service and the target for it."""
        container = {"image": "worker", "resources": {"limits": {"memory": "2Gi"}}}
        return await self._cloud_run("service", {"containers": [container]}, spec)

    async def job(self, **spec: Any) -> str:
        """Makes a Cloud Run job and the target for it."""
        return await self._cloud_run("job", {"template": {"containers": [{"image": "worker"}]}}, spec)

    async def _cloud_run(self, kind: str, template: Object, spec: Object) -> str:
        headers, body = {"authorization": "Bearer test"}, json.dumps({"template": template}).encode()
        answer = self.google.handle(Request("POST", f"/v2/{PARENT}/{kind}s", f"{kind}Id=worker", headers, body))
        assert answer.status == 200, answer.body
        run = {kind: "worker", "region": GOOGLE_REGION, "project": GOOGLE_PROJECT}
        return await self.target(kind, **{"cloudRun": run, **spec})

    async def apply(self, *targets: str, composition: Object | None = None, **execution: Any) -> None:
        """Makes the RenderJob `film`."""
        body = render_job("film", self.where, **execution)
        body["spec"]["execution"]["targets"] = [{"name": name} for name in targets]
        body["spec"] |= {"composition": composition} if composition else {}
        await self.api.create(f"{RENDER}/namespaces/{self.where}/renderjobs", body)

    async def change(self, **spec: Any) -> None:
        """Changes fields of the RenderJob's spec."""
        await self.api.merge(f"{RENDER}/namespaces/{self.where}/renderjobs/film", {"spec": spec})

    async def comes(self, is_so: Callable[[], bool], what: str) -> None:
        """Waits for something in the clouds."""

        async def look() -> bool:
            return is_so()

        await eventually(look, what, 30)

    async def until(self, is_so: Callable[[Object], bool], what: str) -> Object:
        """The status, once it is so."""
        found: Object = (await self.api.until(self.where, "film", is_so, what, PATIENCE))["status"]
        return found

    async def ends_well(self) -> dict[str, Object]:
        """Waits for the film. Returns what the status says of each target."""
        status = await self.until(is_complete, "the film")
        assert status["chunkMap"] == "#" * CHUNKS
        told = {each["name"].removeprefix(f"{self.where}-"): each for each in status["targets"]}
        assert sum(each["done"] for each in told.values()) == CHUNKS, told
        log = self.operator.log.read_text()
        assert "Traceback" not in log, log[-4000:]
        return told


@asynccontextmanager
async def a_world(where: str, plane: ControlPlane, api: Api, folder: Path) -> AsyncIterator[World]:
    """A namespace of its own, with everything in it."""
    await api.namespace(where)
    await api.create(f"{RENDER}/rendertargets", target(where, CHUNKS, run="1s"))
    worker = Pretender()
    (folder / where).mkdir()
    containers = Containers()
    with LambdaServer(worker, alone=False) as aws, CloudRunServer(worker, containers) as google:
        env = {**aws.environment, **google.environment(folder / where)}
        async with proxy(plane) as way, OperatorProcess(folder / where, way.url, where, env=env) as operator:
            try:
                yield World(api, where, operator, aws, google, worker, containers)
            finally:
                worker.thaw.set()
                containers.end()


async def what_one_target_has_no_room_for_goes_to_the_next(world: World) -> None:
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


async def a_render_without_a_pod(world: World) -> None:
    function = await world.function()
    await world.apply(function, composition={"url": "s3://fake/pages/"})
    await world.ends_well()
    assert await world.api.jobs(world.where) == []
    assert sorted(set(world.worker.stages)) == ["chunk", "plan", "stitch"]
    (plan,) = [request.json() for request in world.aws.invocations if request.json()["stage"] == "plan"]
    assert plan["request"]["composition"]["url"] == "s3://fake/pages/"
    assert plan["jobPath"].startswith("s3://fake/requests/")


async def half_of_the_calls_are_throttled(world: World) -> None:
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


async def a_dead_service_rests_and_is_told_of(world: World, answer: Answer) -> None:
    """Whatever it answers, pods do its work."""
    service = await world.service()
    world.google.fault = lambda number: Fault(instead=answer)

    async def rests() -> str:
        found = (await world.api.get(f"{RENDER}/rendertargets/{service}")).get("status", {})
        told = {item["type"]: item for item in found.get("conditions", ())}
        ready = told.get("Ready", {})
        return str(ready["message"]) if ready.get("reason") == "TargetResting" else ""

    # A service without instances, and a page that kills its worker, say the same: that is held to the render alone.
    told_of = (
        asyncio.create_task(eventually(rests, "the target's condition", PATIENCE)) if answer.status != 503 else None
    )
    await world.apply(service, world.where, parallelism=4, retries={"total": 50})
    told = await world.ends_well()
    assert told["service"]["done"] == 0
    if told_of is not None:
        assert "rests until" in await told_of
    assert "a target rests" in world.operator.log.read_text()
    asked = len([each for each in world.google.requests if each.path.startswith("/run/")])
    assert asked <= 12, "it was left alone"


async def a_target_that_recovers_is_used_again(world: World) -> None:
    """There is no other: the render waits for it, says so, and fails nothing."""
    service = await world.service(maxConcurrent=3)
    world.google.fault = lambda number: Fault(instead=Answer(403, b"forbidden")) if number < 1 else None
    await world.apply(service, composition={"url": "s3://fake/pages/"}, parallelism=6)
    said = await world.until(lambda status: "rests until" in json.dumps(status), "the rest to be told of")
    assert said["failures"] == 0
    await world.ends_well()


async def a_budget_ends_offloading_and_not_the_render(world: World) -> None:
    function = await world.function(price={"perRequest": "0.30"})
    await world.apply(function, world.where, parallelism=2, budget="1.00")
    told = await world.ends_well()
    assert float(told["lambda"]["cost"]) <= 1.0
    assert 1 <= told["lambda"]["done"] <= 3
    assert told[world.where]["done"] == CHUNKS - told["lambda"]["done"]


async def a_budget_alone_stalls_and_says_what_to_do(world: World) -> None:
    function = await world.function(price={"perRequest": "0.30"})
    await world.apply(function, composition={"url": "s3://fake/pages/"}, parallelism=2, budget="1.00")
    status = await world.until(lambda status: "BudgetReached" in json.dumps(status), "the condition")
    assert "raise it" in json.dumps(status)
    await world.change(execution={"budget": "100.00"})
    await world.ends_well()


async def an_operator_that_is_killed_invokes_again_what_was_under_way(world: World) -> None:
    function = await world.function(maxConcurrent=4)
    world.worker.frozen = 2
    await world.apply(function, world.where, parallelism=6)
    await world.comes(lambda: len(world.worker.asked) >= 2, "two chunks to be under way")
    await world.operator.kill()
    await world.operator.start()
    await world.ends_well()
    assert not world.worker.thaw.is_set(), "the first calls have not been answered"
    assert all(world.worker.asked.count(chunk) <= 2 for chunk in world.worker.asked), "at most twice"


async def executions_are_found_again(world: World) -> None:
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


async def executions_of_a_suspended_render_are_cancelled(world: World) -> None:
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


async def a_frozen_worker_is_a_straggler(world: World) -> None:
    function = await world.function(maxConcurrent=4)
    world.worker.frozen = 1
    await world.apply(function, world.where, parallelism=6, stragglers={"factor": 2, "minimum": "3s"})
    await world.ends_well()
    assert world.worker.asked, "the function was asked"
    assert not world.worker.thaw.is_set(), "the frozen one is frozen still"


async def hanging_calls_keep_nobody_waiting(world: World) -> None:
    """The function answers nobody; another render, in pods, goes through meanwhile."""
    function = await world.function(maxConcurrent=8)
    world.aws.fault = lambda number: Fault(stall=True)
    await world.apply(function, composition={"url": "s3://fake/pages/"}, parallelism=8)
    await world.comes(lambda: world.aws.active > 0, "a call that hangs")
    await world.api.create(
        f"{RENDER}/namespaces/{world.where}/renderjobs", render_job("other", world.where, parallelism=12)
    )
    await world.api.until(world.where, "other", is_complete, "the other film", 60)


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


async def targets_of_others_and_stores_of_others_are_not_used(world: World) -> None:
    function = await world.function(allowedNamespaces=["elsewhere"])
    await world.apply(function)
    await world.until(lambda status: "TargetForbidden" in json.dumps(status), "the refusal")
    mine = await world.target("mine", **{"lambda": {"functionName": world.where, "region": REGION}})
    body = render_job("thief", mine)
    body["spec"]["artifacts"] = {"url": "s3://theirs/"}
    await world.api.create(f"{RENDER}/namespaces/{world.where}/renderjobs", body)
    await world.api.until(
        world.where, "thief", lambda status: "StoreForbidden" in json.dumps(status), "the refusal", PATIENCE
    )
    assert world.aws.invocations == []


SCENARIOS = [
    what_one_target_has_no_room_for_goes_to_the_next,
    a_render_without_a_pod,
    half_of_the_calls_are_throttled,
    a_target_that_recovers_is_used_again,
    a_budget_ends_offloading_and_not_the_render,
    a_budget_alone_stalls_and_says_what_to_do,
    an_operator_that_is_killed_invokes_again_what_was_under_way,
    executions_are_found_again,
    executions_of_a_suspended_render_are_cancelled,
    a_frozen_worker_is_a_straggler,
    hanging_calls_keep_nobody_waiting,
    targets_of_others_and_stores_of_others_are_not_used,
]


async def test_clouds_fail_as_clouds_do(plane: ControlPlane, api: Api, tmp_path: Path):
    places = asyncio.Semaphore(AT_ONCE)

    async def one(where: str, scenario: Callable[[World], Awaitable[None]]) -> None:
        async with places, a_world(where, plane, api, tmp_path) as world:
            await scenario(world)

    def dead(answer: Answer) -> Callable[[World], Awaitable[None]]:
        return lambda world: a_dead_service_rests_and_is_told_of(world, answer)

    named = {scenario.__name__.replace("_", "-")[:50].strip("-"): scenario for scenario in SCENARIOS}
    all_of_them = {**named, **{f"dead-{name}": dead(answer) for name, answer in DEAD.items()}}
    await side_by_side(one(where, scenario) for where, scenario in all_of_them.items())
