"""Calls of targets outside of the cluster: what they come to as attempts, and what they cost.

Long, because all of it runs invocations over one scripted cloud.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from helios_adapters import (
    CloudAdapter,
    CloudRunJobAdapter,
    ConnectionLost,
    Crashed,
    Deployment,
    OutOfMemory,
    ProviderFailed,
    TargetError,
    TimedOut,
    Unseen,
)
from helios_adapters.errors import AccessDenied, Garbled, Throttled
from helios_adapters.google import job
from helios_adapters.google.job_api import JobApi
from helios_crds.renderjob_status import TargetStatus
from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.wire import Payload, Reply, Stage
from helios_operator.decide.policies.call_outcomes import message_of
from helios_operator.model.config import Config, built_in_targets
from helios_operator.model.decision import Decision, StartAttempt, StopAttempt
from helios_operator.model.invoked import Invoked
from helios_operator.model.state import Attempt, AttemptPhase, Work
from helios_operator.offload.connections import Connections
from helios_operator.offload.invocations import Invocations
from helios_operator.offload.order import Order
from tests.unit.operator.builders import NOW, UID, observe, render_job, seconds

LAMBDA = RenderTargetSpec.model_validate(
    {"lambda": {"functionName": "f", "region": "eu-west-1"}, "price": {"perGiBSecond": "0.5", "perRequest": "0.25"}}
)


@dataclass
class Scripted(CloudAdapter[Any]):
    """A cloud that does what a test says, one answer after the other; the last one for ever."""

    answers: list[Reply | TargetError]
    release: asyncio.Event = field(default_factory=asyncio.Event)
    payloads: list[Payload] = field(default_factory=list)
    closed: bool = False

    async def deploy(self, config: object) -> Deployment:
        return Deployment("f", 10)

    async def invoke(self, payload: Payload, key: str = "") -> Reply:
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
        self.cloud: Any = Scripted(list(answers))
        self.finished: list[str] = []
        self.roomy: list[str] = []
        self.connected = 0
        self.invocations = Invocations(Connections(self._connect), lambda: NOW, self.finished.append, self.roomy.append)

    async def _connect(self, spec: RenderTargetSpec) -> tuple[Any, Deployment]:
        self.connected += 1
        return self.cloud, Deployment("f", 10, memory=2)

    def start(
        self, chunk: int = 0, number: int = 1, *, limit: float = 60, target: str = "lambda", age: float = 60
    ) -> None:
        """age: seconds from the render's start to now, when this operator began."""
        payload = Payload(jobPath="s3://media/jobs/1/job.json", chunkIndex=chunk, attempt=number)
        start = StartAttempt(Work(Stage.CHUNK, chunk), number, target)
        film = render_job("....", startTime=NOW - seconds(age))
        self.invocations.start(film, start, Order(LAMBDA, payload, seconds(limit)))

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        return self.observe().attempts

    def observe(self, owner: str = UID, limit: int = 9) -> Invoked:
        return self.invocations.observe(owner, {"lambda": limit})

    def free(self, owner: str = UID) -> int:
        return self.observe(owner).free["lambda"]

    async def asked(self) -> None:
        """The cloud has been asked for something."""
        async with asyncio.timeout(5):
            while not self.cloud.payloads:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0)

    async def over(self) -> None:
        """Everything that was called has answered."""
        self.cloud.release.set()
        async with asyncio.timeout(5):
            while self.observe().calls:  # noqa: ASYNC110 - nothing tells
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
    assert world.free("another") == 8, "it takes a slot"
    await world.over()
    (found,) = world.attempts
    assert (found.phase, found.exit_code, len(world.cloud.payloads)) == (AttemptPhase.SUCCEEDED, 0, 1)
    assert found.cost is not None
    assert found.cost >= Decimal("0.25")
    assert world.finished == [UID]
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
    await world.over()
    world.cloud.answers = [ProviderFailed("503", where="f")]
    for number in range(1, 17):
        world.start(chunk=9, number=number, target=("lambda", "other")[number % 2])
        await world.over()
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

    async def connect(spec: RenderTargetSpec) -> tuple[Any, Deployment]:
        if made and trouble is not None:
            raise trouble
        made.append(Scripted([DONE]))
        return made[-1], Deployment("f", 10, memory=len(made))

    connections = Connections(connect)
    async with connections.using("lambda", LAMBDA), connections.using("lambda", LAMBDA):
        assert len(made) == 1
        monkeypatch.setattr("helios_operator.offload.connections.RECONNECT_SECONDS", -1)
        if memory is None:
            with pytest.raises(AccessDenied):
                async with connections.using("lambda", LAMBDA):
                    pass
        else:
            async with connections.using("lambda", LAMBDA) as (_, deployment):
                assert deployment.memory == memory
        assert not made[0].closed, "it is at work still"
    assert made[0].closed is (memory == 2)
    await connections.close()
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
    assert world.free() == 0
    assert "rests" in world.observe().resting["lambda"]
    assert world.free("another") == 9
    assert world.invocations.resting() == {}


async def test_a_target_that_has_changed_is_given_another_chance(make):
    world = make(AccessDenied("may not", where="f"))
    world.start()
    await world.over()
    assert world.free() == 0
    world.invocations.forget_target("lambda")
    assert world.free() == 9


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
    assert world.attempts == ()
    assert world.free() == 0


async def test_a_target_that_cannot_be_used_rests_and_is_looked_at_again(make):
    world = make(AccessDenied("may not", where="function f", remedy="allow lambda:InvokeFunction"), DONE)
    world.start()
    await world.over()
    assert world.attempts == ()
    said = world.invocations.resting()["lambda"]
    assert "may not" in said
    assert "allow lambda:InvokeFunction" in said
    assert world.free() == 0
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
    assert world.free("another") == 8, "it takes a slot"
    await world.over()
    assert world.attempts[0].phase is AttemptPhase.SUCCEEDED, "it ended well after all"


async def test_one_that_is_stopped_is_nobodys_failure_and_keeps_its_place(make):
    world = make(Reply(exitCode=1))
    world.start()
    assert world.invocations.stop(UID, world.attempts[0].uid)
    assert not world.invocations.stop(UID, "a Job's")
    (found,) = world.attempts
    assert (found.is_active, found.stopping, found.disrupted) == (False, True, True)
    assert world.free("another") == 8, "it takes a slot"
    await world.over()
    assert world.attempts[0].stopping


async def test_a_render_that_is_gone_leaves_nothing_but_places(make):
    world = make(DONE)
    world.start()
    await world.asked()
    world.invocations.forget(UID)
    assert world.attempts == ()
    assert (world.free("another"), world.observe().calls) == (8, 1)
    await world.over()
    assert world.attempts == ()
    assert world.observe().calls == 0


class Job(JobApi):
    """A job whose executions go on until they are cancelled, which does not work at first.

    known: executions of a predecessor, by key. unseen: how often an execution cannot be looked at.
    """

    def __init__(self, *refusals: TargetError, known: dict[str, str] | None = None, unseen: int = 0) -> None:
        super().__init__("", "job")
        self.refusals = list(refusals)
        self.known = known or {}
        self.unseen = unseen
        self.sought: list[str] = []
        self.begun: list[str] = []
        self.tries = self.looks = 0
        self.cancelled = False
        self.exit_code: int | None = None

    async def find(self, key: str) -> str | None:
        self.sought.append(key)
        return self.known.get(key)

    async def begin(self, payload: Payload, key: str) -> str:
        self.begun.append(key)
        return "executions/1"

    async def outcome(self, name: str) -> Reply | None:
        self.looks += 1
        if self.looks <= self.unseen:
            raise Unseen("503", where="job")
        if self.exit_code is not None:
            return Reply(exitCode=self.exit_code)
        return Reply(exitCode=143) if self.cancelled else None

    async def cancel(self, name: str) -> None:
        self.tries += 1
        if self.refusals:
            raise self.refusals.pop(0)
        self.cancelled = True


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


def running(make: Callable[..., World], api: Job, poll: float = 0.01) -> World:
    world = make()
    world.cloud = CloudRunJobAdapter(api, poll)
    return world


async def test_an_execution_is_cancelled_however_often_that_fails(make):
    api = Job(*(kind("503", where="job") for kind in (ProviderFailed, ConnectionLost, Throttled)))
    world = running(make, api)
    world.start()
    await until(lambda: api.begun)
    world.invocations.stop(UID, world.attempts[0].uid)
    await until(lambda: not world.observe().calls)
    assert (len(api.begun), api.tries, api.cancelled) == (1, 4, True)
    assert world.attempts[0].cost is not None, "it has cost what it took"


async def test_an_execution_that_takes_too_long_is_cancelled_and_counts_if_it_ends_well_first(make):
    api = Job(ProviderFailed("503", where="job"))
    world = running(make, api)
    world.start(limit=0.05)
    await until(lambda: api.tries)
    assert (world.attempts[0].phase, world.attempts[0].reason) == (AttemptPhase.FAILED, "DeadlineExceeded")
    api.exit_code = 0
    await until(lambda: not world.observe().calls)
    assert world.attempts[0].phase is AttemptPhase.SUCCEEDED


async def test_an_execution_that_cannot_be_looked_at_is_still_under_way(make):
    api = Job(unseen=5)
    world = running(make, api, poll=0.001)
    world.start()
    await until(lambda: api.looks > 6)
    assert world.attempts[0].is_active
    api.exit_code = 0
    await until(lambda: not world.observe().calls)
    assert world.attempts[0].phase is AttemptPhase.SUCCEEDED


async def test_one_that_was_stopped_and_cannot_be_looked_at_is_given_up_at_last(make, monkeypatch):
    monkeypatch.setattr(job, "UNSEEN_SECONDS", 0.05)
    api = Job(unseen=10**6)
    world = running(make, api)
    world.start()
    await until(lambda: api.looks)
    world.invocations.stop(UID, world.attempts[0].uid)
    await until(lambda: not world.observe().calls)
    (found,) = world.attempts
    assert (found.stopping, found.cost is not None, world.free()) == (True, True, 9)


async def test_what_a_predecessor_began_is_resumed_once(make):
    key = f"{UID}/chunk-0-a1"
    api = Job(known={key: "executions/7"})
    world = running(make, api)
    world.start()
    await until(lambda: api.looks)
    assert (api.sought, api.begun) == ([key], [])
    api.exit_code = 0
    await until(lambda: not world.observe().calls)
    assert world.attempts[0].phase is AttemptPhase.SUCCEEDED
    world.start(chunk=1)
    await until(lambda: not world.observe().calls)
    assert api.begun == [f"{UID}/chunk-1-a1"], "nothing of it was under way, so it was begun"


async def test_what_this_operator_began_itself_is_not_looked_for(make):
    api = Job()
    world = running(make, api)
    world.start(age=-1)
    await until(lambda: api.begun)
    assert api.sought == []


async def test_what_could_not_be_begun_is_looked_for_once_only(make):
    api = Job()
    world = running(make, api)
    full = Throttled("quota", where="job")

    async def begin(payload: Payload, key: str) -> str:
        raise full

    api.begin = begin  # type: ignore[method-assign]
    for _ in range(2):
        world.start()
        await until(lambda: not world.observe().calls)
    assert api.sought == [f"{UID}/chunk-0-a1"]


async def test_executions_go_on_when_the_operator_ends(make):
    api = Job()
    world = running(make, api)
    world.start()
    await until(lambda: api.looks)
    await world.invocations.close()
    assert (api.tries, api.cancelled) == (0, False)


async def test_a_call_ends_with_the_operator(make):
    world = make(DONE)
    world.start()
    await world.asked()
    before = len(asyncio.all_tasks())
    await world.invocations.close()
    assert len(asyncio.all_tasks()) == before - 2, "the call, and what waits for it"


async def test_what_is_not_the_clusters_is_carried_out_and_the_rest_handed_back(make):
    world, film = make(DONE), render_job("....")
    targets = {**built_in_targets(), "lambda": LAMBDA}
    starts = tuple(
        StartAttempt(Work(Stage.CHUNK, chunk), 1, name) for chunk, name in enumerate(("lambda", "kubernetes"))
    )
    left = world.invocations.carry_out(
        film, Decision(film.status, starts=starts), targets, observe(film).places, Config()
    )
    assert left == Decision(film.status, starts=starts[1:])
    (found,) = world.attempts
    stops = StopAttempt(found.name, found.uid, "why"), StopAttempt("a Job", "its UID", "why")
    left = world.invocations.carry_out(
        film, Decision(film.status, stops=stops), targets, observe(film).places, Config()
    )
    assert left == Decision(film.status, stops=stops[1:])
    assert world.attempts[0].stopping
