"""Targets out of the cluster: how they are, what they cost, what they can run, and what calls to them come to."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from helios_adapters import health
from helios_adapters.base import Deployed
from helios_adapters.errors import (
    AccessDenied,
    ConnectionLost,
    Crashed,
    Garbled,
    OutOfMemory,
    ProviderFailed,
    TargetError,
    Throttled,
    TimedOut,
)
from helios_adapters.google.job import CloudRunJobs
from helios_adapters.health import Health
from helios_crds.renderjob_status import TargetStatus
from helios_crds.rendertarget import RenderTargetSpec, TargetPrice
from helios_crds.wire import Payload, Reply, Stage
from helios_operator.decide.policies.budget import affordable, invocation_cost
from helios_operator.decide.policies.eligibility import homes
from helios_operator.decide.policies.placement import Room, within_budget
from helios_operator.decide.reconcile import reconcile
from helios_operator.model.config import Config, Store
from helios_operator.model.state import Attempt, AttemptPhase, StartAttempt, Work
from helios_operator.model.target_usage import Tallies
from helios_operator.offload import invocations
from helios_operator.offload.connections import Clouds
from helios_operator.offload.invocations import Invocations, message_of
from helios_operator.offload.order import Order
from tests.unit.operator.builders import JOB_ID, NOW, UID, attempt, plan_status, render_job, seconds

LAMBDA = RenderTargetSpec.model_validate(
    {"lambda": {"functionName": "f", "region": "eu-west-1"}, "price": {"perGiBSecond": "0.5", "perRequest": "0.25"}}
)
RUN = {"region": "europe-west1", "project": "media-1"}
SERVICE = RenderTargetSpec.model_validate({"cloudRun": {"service": "worker", **RUN}})
JOB = RenderTargetSpec.model_validate({"cloudRun": {"job": "worker", **RUN}})
BUCKET = Store(url="s3://media/", claim="")
TARGETS = {**Config().targets, "lambda": LAMBDA, "service": SERVICE, "job": JOB}

# --- health -----------------------------------------------------------------------------------------------------------


def after(*steps: Callable[[Health], Health]) -> Health:
    found = Health()
    for step in steps:
        found = step(found)
    return found


def failed(at: float = 0) -> Callable[[Health], Health]:
    return lambda known: health.after_failure(known, "503", NOW + seconds(at))


def full(active: int, at: float = 0, retry_after: float | None = None) -> Callable[[Health], Health]:
    return lambda known: health.after_refusal(known, active, retry_after, NOW + seconds(at))


@pytest.mark.parametrize(
    ("known", "at", "active", "expected"),
    [
        pytest.param(after(), 0, 3, 7, id="nothing is known: its limit counts"),
        pytest.param(after(*[failed()] * 4), 0, 0, 7, id="four failures in a row are bad luck"),
        pytest.param(after(*[failed()] * 5), 9, 0, 0, id="five are not: it rests"),
        pytest.param(after(*[failed()] * 5), 10, 0, 1, id="one chunk tries it after its rest"),
        pytest.param(after(*[failed()] * 5), 10, 1, 0, id="and no other beside it"),
        pytest.param(after(*[failed()] * 9), 10, 0, 1, id="those that failed with it make its rest no longer"),
        pytest.param(after(*[failed()] * 5, failed(10)), 29, 0, 0, id="the next rest is twice as long"),
        pytest.param(after(*[failed()] * 5, failed(10)), 30, 0, 1, id="and ends"),
        pytest.param(after(*[failed()] * 5, health.after_success), 1, 0, 7, id="one that is done ends it at once"),
        pytest.param(after(full(3)), 0.5, 3, 0, id="a full target is left alone for a second"),
        pytest.param(after(full(3)), 1, 2, 1, id="then it gets what it had when it was full"),
        pytest.param(after(full(3), health.after_success), 1, 2, 2, id="and one more for each that it has done"),
        pytest.param(after(full(0)), 1, 0, 1, id="at least one"),
        pytest.param(after(full(3), full(3, at=1)), 2.5, 0, 0, id="twice in a row: two seconds"),
        pytest.param(after(full(199), full(120), full(50)), 1, 0, 7, id="the last one refused of a burst knows best"),
        pytest.param(after(full(9), full(3)), 1, 0, 3, id="how much it takes"),
        pytest.param(after(full(3, retry_after=20)), 19, 0, 0, id="as long as it asks"),
        pytest.param(after(full(3, retry_after=86_400)), 60, 0, 3, id="but a minute at most"),
    ],
)
def test_room(known: Health, at: float, active: int, expected: int):
    assert health.room(known, 7, active, NOW + seconds(at)) == expected


def test_a_rest_is_never_longer_than_ten_minutes():
    known, now = Health(), NOW
    for _ in range(40):
        known = health.after_unusable(known, "denied", now)
        assert known.until is not None
        assert known.until - now <= timedelta(minutes=10)
        now = known.until


# --- money ------------------------------------------------------------------------------------------------------------


def test_what_an_invocation_costs():
    assert invocation_cost(LAMBDA.price, memory=2, seconds=3) == Decimal("3.25")
    assert invocation_cost(TargetPrice(perRequest="0.0000002"), memory=2, seconds=3) == Decimal("0.000000")
    assert invocation_cost(None, memory=2, seconds=3) == 0


@pytest.mark.parametrize(
    ("budget", "spent", "ended", "active", "expected"),
    [
        pytest.param(None, "9", 1, 5, None, id="no budget"),
        pytest.param("1", "0", 0, 0, 4, id="nobody knows yet what one costs: a few"),
        pytest.param("1", "0", 0, 3, 1, id="those that are active are of them"),
        pytest.param("1", "0.2", 2, 0, 8, id="what is left by what one costs"),
        pytest.param("1", "0.2", 2, 5, 3, id="less those that are active"),
        pytest.param("1", "0.95", 9, 0, 0, id="none that would pass it"),
        pytest.param("1", "1", 9, 0, 0, id="used up"),
        pytest.param("0", "0", 0, 0, 0, id="nothing is to be spent"),
    ],
)
def test_affordable(budget: str | None, spent: str, ended: int, active: int, expected: int | None):
    assert affordable(Decimal(budget) if budget else None, Decimal(spent), ended, active) == expected


@pytest.mark.parametrize(
    ("left", "expected"),
    [(None, [9, 9, 9]), (12, [9, 9, 3]), (4, [4, 9, 0]), (0, [0, 9, 0])],
)
def test_within_budget(left: int | None, expected: list[int]):
    free = [Room(name, 9) for name in ("lambda", "kubernetes", "service")]
    assert [room.free for room in within_budget(free, {"lambda", "service"}, left)] == expected


def test_tallies_add_up():
    tallies = Tallies(
        [TargetStatus(name="lambda", done=1, invocations=1, cost="0.25"), TargetStatus(name="old", done=2)]
    )
    tallies.done("lambda")
    tallies.failed("kubernetes")
    tallies.ended(attempt("succeeded", target="lambda", cost=Decimal("0.5")))
    assert tallies.spent() == (Decimal("0.75"), 2)
    told = {found.name: found for found in tallies.to_status(["lambda", "kubernetes"], ["lambda", "lambda"])}
    assert list(told) == ["lambda", "kubernetes", "old"]
    assert (told["lambda"].active, told["lambda"].done, told["lambda"].cost) == (2, 2, "0.75")
    assert (told["kubernetes"].failed, told["old"].done) == (1, 2)


@pytest.mark.parametrize("cost", ["NaN", "-5", "Infinity", "1e999999999", "a lot", ""])
def test_a_cost_that_somebody_wrote_is_none(cost: str):
    assert Tallies([TargetStatus(name="lambda", cost=cost)]).spent() == (Decimal(0), 0)


@pytest.mark.parametrize(
    ("chunk_map", "cost"),
    [
        pytest.param("", "1", id="before the plan"),
        pytest.param("#.", "1.2", id="chunks"),
        pytest.param("##", "1.2", id="stitch"),
    ],
)
def test_a_budget_that_is_used_up_stalls_whatever_is_due(chunk_map: str, cost: str):
    job = render_job(
        spec={
            "composition": {"url": "s3://media/page/"},
            "execution": {"targets": [{"name": "lambda"}], "budget": "1.00"},
        },
        targets=[TargetStatus(name="lambda", invocations=2, cost=cost)],
    )
    if chunk_map:
        plan = plan_status(len(chunk_map)).model_copy(update={"jobPath": f"s3://media/jobs/{JOB_ID}/job.json"})
        job = replace(job, status=job.status.model_copy(update={"plan": plan, "chunkMap": chunk_map}))
    decision = reconcile(job, (), (), NOW, Config(store=BUCKET, targets=TARGETS))
    stalled = next(found for found in decision.status.conditions if found.type == "Stalled")
    assert (decision.actions, stalled.status, stalled.reason) == ((), "True", "BudgetReached")


# --- homes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("targets", "source", "stage", "expected"),
    [
        pytest.param(["lambda", "kubernetes"], {"inline": "<p>"}, Stage.PLAN, ["kubernetes"], id="files need a pod"),
        pytest.param(["lambda"], {"inline": "<p>"}, Stage.PLAN, ["kubernetes"], id="one of the built-in target's"),
        pytest.param(["lambda"], {"url": "s3://media/a/"}, Stage.PLAN, ["lambda"], id="a bucket's page needs none"),
        pytest.param(["job"], {"url": "s3://media/a/"}, Stage.PLAN, ["kubernetes"], id="a job tells no result"),
        pytest.param(["job", "service"], {"inline": "<p>"}, Stage.STITCH, ["service"], id="a film's neither"),
        pytest.param(["job", "service"], {"inline": "<p>"}, Stage.CHUNK, ["job", "service"], id="a chunk has none"),
    ],
)
def test_homes(targets: list[str], source: dict[str, str], stage: Stage, expected: list[str]):
    spec = {"composition": source, "execution": {"targets": [{"name": name} for name in targets]}}
    assert homes(render_job(spec=spec), stage, Config(store=BUCKET, targets=TARGETS)) == expected


def test_a_volume_cannot_be_reached_from_outside():
    job = render_job(spec={"execution": {"targets": [{"name": "lambda"}, {"name": "kubernetes"}]}})
    assert homes(job, Stage.CHUNK, Config(targets=TARGETS)) == ["kubernetes"]


# --- calls ------------------------------------------------------------------------------------------------------------


@dataclass
class Scripted:
    """A cloud that does what a test says, one answer after the other; the last one for ever."""

    answers: list[Reply | TargetError]
    release: asyncio.Event = field(default_factory=asyncio.Event)
    payloads: list[Payload] = field(default_factory=list)
    closed: bool = False

    async def invoke(self, payload: Payload) -> Reply:
        self.payloads.append(payload)
        await self.release.wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, TargetError):
            raise answer
        return answer

    async def close(self) -> None:
        self.closed = True


class World:
    """Invocations over a scripted cloud."""

    def __init__(self, *answers: Reply | TargetError) -> None:
        self.cloud = Scripted(list(answers))
        self.news: list[str] = []
        self.roomy: list[str] = []
        self.connected = 0
        self.invocations = Invocations(Clouds(self._connect), lambda: NOW, self.news.append, self.roomy.append)

    async def _connect(self, spec: RenderTargetSpec) -> tuple[Any, Deployed]:
        self.connected += 1
        return self.cloud, Deployed("f", 10, memory=2)

    def start(self, chunk: int = 0, number: int = 1, *, limit: float = 60, target: str = "lambda") -> None:
        payload = Payload(jobPath="s3://media/jobs/1/job.json", chunkIndex=chunk, attempt=number)
        start = StartAttempt(Work(Stage.CHUNK, chunk), number, target)
        self.invocations.start(render_job("...."), start, Order(LAMBDA, payload, seconds(limit)))

    @property
    def attempts(self) -> list[Attempt]:
        return self.invocations.attempts(UID)

    async def asked(self) -> None:
        """The cloud has been asked for something."""
        async with asyncio.timeout(5):
            while not self.cloud.payloads:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0)

    async def over(self, target: str = "lambda") -> None:
        """Everything that was called has answered."""
        self.cloud.release.set()
        async with asyncio.timeout(5):
            while self.invocations.active(target):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0)


@pytest.fixture
async def make() -> AsyncIterator[Callable[..., World]]:
    worlds: list[World] = []

    def world(*answers: Reply | TargetError) -> World:
        worlds.append(World(*answers))
        return worlds[-1]

    yield world
    for each in worlds:
        await each.invocations.close()


DONE = Reply(exitCode=0, result={"chunk": 0})


async def test_one_that_is_done(make):
    world = make(DONE)
    world.start()
    world.start()  # once more, by the same decision
    assert [found.phase for found in world.attempts] == [AttemptPhase.RUNNING]
    assert world.invocations.active("lambda") == 1
    await world.over()
    (found,) = world.attempts
    assert (found.phase, found.exit_code, len(world.cloud.payloads)) == (AttemptPhase.SUCCEEDED, 0, 1)
    assert found.cost is not None
    assert found.cost >= Decimal("0.25")
    assert world.news == [UID]
    assert "lambda" in world.roomy
    status = [TargetStatus(name="lambda", invocations=1)]
    world.invocations.bill(UID, status)
    world.invocations.confirm(UID, [])
    assert world.attempts[0].cost is not None, "that status was another one"
    world.invocations.confirm(UID, status)
    assert world.attempts[0].cost is None


async def test_costs_whose_writing_nobody_answered_are_counted_once(make):
    world = make(DONE)
    world.start(0)
    await world.over()
    first, both = ([TargetStatus(name="lambda", invocations=count)] for count in (1, 2))
    world.invocations.bill(UID, first)
    world.start(1)
    await world.over()
    world.invocations.bill(UID, both)  # refused, for the first one was written after all
    world.invocations.confirm(UID, first)
    assert [found.cost is None for found in world.attempts] == [True, False]
    world.invocations.bill(UID, both)
    world.invocations.confirm(UID, both)
    assert [found.cost is None for found in world.attempts] == [True, True]


@pytest.mark.parametrize(
    ("answer", "exit_code", "disrupted"),
    [
        pytest.param(Reply(exitCode=1, stderr="disk"), 1, False, id="a worker that failed"),
        pytest.param(Reply(exitCode=64, stderr="no page"), 64, False, id="a user's mistake"),
        pytest.param(Crashed("gone", where="f"), 1, True, id="a worker that died, at first"),
        pytest.param(OutOfMemory("gone", where="f"), 75, False, id="for want of memory"),
        pytest.param(Garbled("<html>", where="f"), 1, False, id="an answer that is none"),
        pytest.param(ProviderFailed("503", where="f"), 1, True, id="the provider's trouble is not the chunk's"),
        pytest.param(Reply(exitCode=143, stderr="told to stop"), 143, True, id="a worker that hands its chunk back"),
    ],
)
async def test_one_that_failed(make, answer, exit_code, disrupted):
    world = make(answer)
    world.start()
    await world.over()
    (found,) = world.attempts
    assert (found.phase, found.exit_code, found.disrupted) == (AttemptPhase.FAILED, exit_code, disrupted)
    assert (answer.stderr if isinstance(answer, Reply) else answer.message) in found.message


async def test_an_outage_is_no_chunks_failure_however_long_it_is(make):
    world = make(ProviderFailed("503", where="f"))
    for number in range(1, 9):
        world.start(number=number)
        await world.over()
    assert all(found.disrupted for found in world.attempts)


async def test_an_outage_of_two_targets_is_no_chunks_failure_either(make):
    world = make(DONE)
    for chunk in range(3):
        world.start(chunk, target="other")
    await world.over("other")
    world.cloud.answers = [ProviderFailed("503", where="f")]
    for number in range(1, 17):
        world.start(chunk=9, number=number, target=("lambda", "other")[number % 2])
        await world.over(("lambda", "other")[number % 2])
    assert all(found.disrupted for found in world.attempts if found.work.chunk == 9)


@pytest.mark.parametrize("answer", [OutOfMemory("gone", where="f"), TimedOut("60 s", where="f")])
async def test_what_a_target_has_is_looked_at_again_when_it_was_too_little(make, answer):
    world = make(answer, DONE)
    for number in (1, 2):
        world.start(number=number)
        await world.over()
    assert world.connected == 2


@pytest.mark.parametrize(
    ("trouble", "memory"),
    [(None, 2), (ProviderFailed("503", where="f"), 1), (AccessDenied("may not", where="f"), None)],
)
async def test_a_target_is_looked_at_now_and_then(monkeypatch, trouble, memory):
    made: list[Scripted] = []

    async def connect(spec: RenderTargetSpec) -> tuple[Any, Deployed]:
        if made and trouble is not None:
            raise trouble
        made.append(Scripted([DONE]))
        return made[-1], Deployed("f", 10, memory=len(made))

    clouds = Clouds(connect)
    async with clouds.using("lambda", LAMBDA), clouds.using("lambda", LAMBDA):
        assert len(made) == 1
        monkeypatch.setattr("helios_operator.offload.connections.AGE_SECONDS", -1)
        if memory is None:
            with pytest.raises(AccessDenied):
                async with clouds.using("lambda", LAMBDA):
                    pass
        else:
            async with clouds.using("lambda", LAMBDA) as (_, deployed):
                assert deployed.memory == memory
        assert not made[0].closed, "it is at work still"
    assert made[0].closed is (memory == 2)
    await clouds.close()
    assert all(each.closed for each in made)


async def test_a_worker_that_dies_again_and_again_is_the_chunks_failure(make):
    world = make(Crashed("gone", where="f"))
    for number in range(1, 6):
        world.start(number=number)
        await world.over()
    assert [found.disrupted for found in world.attempts] == [True, True, True, False, False]


async def test_a_chunk_that_has_trouble_while_others_are_done_is_to_blame(make):
    trouble = ProviderFailed("503", where="f")
    world = make(*[trouble, DONE] * 5)
    for number in range(1, 6):
        world.start(chunk=0, number=number)
        await world.over()
        world.start(chunk=number)
        await world.over()
    mine = [found for found in world.attempts if found.work.chunk == 0]
    assert [found.disrupted for found in mine] == [True, True, True, False, False]


async def test_a_page_that_fails_rests_the_target_for_its_own_render_alone(make):
    world = make(Crashed("out of memory, perhaps", where="f"))
    for chunk in range(5):
        world.start(chunk)
        await world.over()
    assert world.invocations.room("lambda", UID, 9) == 0
    assert "rests" in world.invocations.resting(UID)["lambda"]
    assert world.invocations.room("lambda", "another", 9) == 9
    assert world.invocations.resting() == {}


async def test_a_target_that_has_changed_is_given_another_chance(make):
    world = make(AccessDenied("may not", where="f"))
    world.start()
    await world.over()
    assert world.invocations.room("lambda", UID, 9) == 0
    world.invocations.forget_target("lambda")
    assert world.invocations.room("lambda", UID, 9) == 9


async def test_one_that_nobody_wants_before_it_is_asked_for_is_not_asked_for(make):
    world = make(DONE)
    world.start()
    world.invocations.forget(UID)
    await world.over()
    assert world.cloud.payloads == []


def test_a_result_that_fits_as_it_came_fits_as_it_is_kept():
    result = {"jobPath": "s3://x", "cached": "f" * 2500, "warnings": ["\N{CLAPPER BOARD}" * 90] * 4}
    assert len(message_of(Reply(exitCode=0, result=result), Stage.PLAN).encode()) <= 4096
    bad = {"badChunks": "f" * 2500}
    kept = message_of(Reply(exitCode=1, stderr="\N{CLAPPER BOARD}" * 5000, result=bad), Stage.STITCH)
    assert len(kept.encode()) <= 4096
    assert json.loads(kept)["badChunks"] == bad["badChunks"]


async def test_no_room_costs_no_attempt(make):
    world = make(Throttled("too many", where="f"), DONE)
    world.start()
    await world.over()
    assert world.attempts == []
    assert world.invocations.room("lambda", UID, 9) == 0


async def test_a_target_that_cannot_be_used_rests_and_is_looked_at_again(make):
    world = make(AccessDenied("may not", where="function f", remedy="allow lambda:InvokeFunction"), DONE)
    world.start()
    await world.over()
    assert world.attempts == []
    said = world.invocations.resting()["lambda"]
    assert "may not" in said
    assert "allow lambda:InvokeFunction" in said
    assert world.invocations.room("lambda", UID, 9) == 0
    world.start()
    await world.over()
    assert world.connected == 2
    assert world.invocations.resting() == {}


async def test_one_that_takes_too_long_fails_and_keeps_its_place(make):
    world = make(DONE)
    world.start(limit=0)
    async with asyncio.timeout(5):
        while world.attempts[0].is_active:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0)
    (found,) = world.attempts
    assert (found.phase, found.reason) == (AttemptPhase.FAILED, "DeadlineExceeded")
    assert world.invocations.active("lambda") == 1
    await world.over()
    assert world.attempts[0].phase is AttemptPhase.SUCCEEDED, "it ended well after all"


async def test_one_that_is_stopped_is_nobodys_failure_and_keeps_its_place(make):
    world = make(Reply(exitCode=1))
    world.start()
    assert world.invocations.stop(UID, world.attempts[0].uid)
    assert not world.invocations.stop(UID, "a Job's")
    (found,) = world.attempts
    assert (found.is_active, found.stopping, found.disrupted) == (False, True, True)
    assert world.invocations.active("lambda") == 1
    await world.over()
    assert world.attempts[0].stopping


async def test_a_render_that_is_gone_leaves_nothing_but_places(make):
    world = make(DONE)
    world.start()
    await world.asked()
    world.invocations.forget(UID)
    assert world.attempts == []
    assert (world.invocations.active("lambda"), world.invocations.calls(UID)) == (1, 1)
    await world.over()
    assert world.attempts == []
    assert world.invocations.calls(UID) == 0


class Executions(CloudRunJobs):
    """A job whose executions go on until they are cancelled, which does not work at first."""

    def __init__(self, *refusals: TargetError) -> None:
        super().__init__()
        self.refusals = list(refusals)
        self.begun = self.tries = 0
        self.cancelled = False

    async def find(self, keys: Collection[str]) -> dict[str, str]:
        return {}

    async def begin(self, payload: Payload, key: str) -> str:
        self.begun += 1
        return "executions/1"

    async def outcome(self, name: str) -> Reply | None:
        return Reply(exitCode=143) if self.cancelled else None

    async def cancel(self, name: str) -> None:
        self.tries += 1
        if self.refusals:
            raise self.refusals.pop(0)
        self.cancelled = True


async def test_an_execution_is_cancelled_however_often_that_fails(make, monkeypatch):
    monkeypatch.setattr(invocations, "POLL", 0.01)
    world = make()
    jobs = world.cloud = Executions(*(kind("503", where="job") for kind in (ProviderFailed, ConnectionLost, Throttled)))
    world.start()
    async with asyncio.timeout(5):
        while not jobs.begun:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0)
        world.invocations.stop(UID, world.attempts[0].uid)
        while world.invocations.active("lambda"):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
    assert (jobs.begun, jobs.tries, jobs.cancelled) == (1, 4, True)


async def test_a_call_ends_with_the_operator(make):
    world = make(DONE)
    world.start()
    await world.asked()
    before = len(asyncio.all_tasks())
    await world.invocations.close()
    assert len(asyncio.all_tasks()) == before - 2, "the call, and what waits for it"
