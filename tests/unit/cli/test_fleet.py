"""Chunks over several targets: which one is next, and what becomes of one that is full, lossy or of no use."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from helios_adapters import CloudAdapter, Deployment, Health
from helios_adapters.errors import Garbled, TargetError, Throttled, TimedOut, UnknownTarget
from helios_adapters.health import ENOUGH
from helios_crds.wire import Payload, Reply, Stage
from heliosctl.local.fleet import Fleet, NoTargetLeft, Target, choose
from heliosctl.terminal.progress import Silent
from tests import virtual_time

DONE = Reply(exitCode=0, result={"frames": 6})
FAILED = Reply(exitCode=1, stderr="no store there")


def full(retry_after: float | None = 0.0) -> Throttled:
    return Throttled("too many", where="there", retry_after=retry_after)


class Script(CloudAdapter[Any]):
    """An adapter that answers in turn; then everything is done at once. A number is how many seconds it takes."""

    def __init__(self, *answers: Reply | TargetError | asyncio.Event | int) -> None:
        self.asked: list[str] = []
        self.most_active = self.active = 0
        self._answers = list(answers)

    async def deploy(self, config: object) -> Deployment:
        return Deployment("script", 1)

    async def invoke(self, payload: Payload, key: str = "") -> Reply:
        self.asked.append(f"c{payload.chunkIndex}" if payload.stage is Stage.CHUNK else payload.stage.value)
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        try:
            answer = self._answers.pop(0) if self._answers else DONE
            await asyncio.sleep(0)
            if isinstance(answer, int):
                await asyncio.sleep(answer)
                return DONE
            if isinstance(answer, asyncio.Event):
                await answer.wait()
                return DONE
            if isinstance(answer, TargetError):
                raise answer
            return answer
        finally:
            self.active -= 1


class Heard(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []
        self.counted: list[tuple[int, int]] = []

    def say(self, line: str) -> None:
        self.said.append(line)

    def frames(self, chunk: int, count: int) -> None:
        self.counted.append((chunk, count))


def now() -> datetime:
    """A clock that goes with the event loop's."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=asyncio.get_running_loop().time())


def fleet(*targets: Target, home: Script | None = None) -> tuple[Fleet, Heard]:
    heard = Heard()
    return Fleet(targets, home or Script(), heard, clock=now), heard


async def chunks(made: Fleet, *indexes: int) -> list[Reply]:
    return await asyncio.gather(*(made.invoke(Payload(jobPath="x", chunkIndex=index)) for index in indexes))


async def working(script: Script) -> None:
    async with asyncio.timeout(10):
        while not script.active:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("free", "failed", "chosen"),
    [
        pytest.param({"a": 2, "b": 2}, {}, "a", id="the first"),
        pytest.param({"a": 0, "b": 2}, {}, "b", id="the first with room"),
        pytest.param({"b": 2}, {}, "b", id="not one that is left out"),
        pytest.param({"a": 0}, {}, None, id="nowhere now"),
        pytest.param({"a": 2, "b": 2}, {"a": 1}, "b", id="elsewhere after a failure"),
        pytest.param({"a": 2, "b": 0}, {"a": 1}, "a", id="there again if there is no room elsewhere"),
        pytest.param({"a": 2, "b": 0}, {"a": 2}, None, id="after two it waits for elsewhere"),
        pytest.param({"a": 2}, {"a": 2}, "a", id="unless there is no elsewhere"),
        pytest.param({"a": 2, "b": 2}, {"a": 2, "b": 2}, "a", id="or all are alike"),
    ],
)
def test_the_target_for_a_chunk(free, failed, chosen):
    assert choose(list(free), free, failed) == chosen


async def test_plan_and_stitch_stay_at_home():
    home, away = Script(), Script()
    made, _ = fleet(Target("a", away, 5), home=home)
    for stage in (Stage.PLAN, Stage.STITCH):
        await made.invoke(Payload(jobPath="x", stage=stage))
    await chunks(made, 0)
    assert home.asked == ["plan", "stitch"]
    assert away.asked == ["c0"]


async def test_as_many_at_once_as_each_takes():
    first, second = Script(), Script()
    made, heard = fleet(Target("a", first, 3), Target("b", second, 2))
    assert made.slots == 5
    assert await chunks(made, *range(20)) == [DONE] * 20
    assert (first.most_active, second.most_active) == (3, 2)
    assert len(first.asked) + len(second.asked) == 20
    assert sorted(heard.counted) == [(index, 6) for index in range(20)]


async def test_a_full_target_costs_no_attempt_and_the_next_has_the_chunk():
    first, second = Script(full(5)), Script()
    made, heard = fleet(Target("a", first, 1), Target("b", second, 1))
    assert await chunks(made, 0) == [DONE]
    assert (first.asked, second.asked) == (["c0"], ["c0"])
    assert heard.said == ["a is full: too many; sending it fewer chunks for a while"]


def test_a_full_target_gets_as_many_as_it_had_and_slowly_more():
    start = datetime(2026, 1, 1, tzinfo=UTC)
    refused = Health().after_refusal(4, None, start)
    assert (refused.capacity(10, 0, start), refused.until) == (0, start + timedelta(seconds=1))
    again = refused.after_refusal(4, None, start + timedelta(seconds=1))
    assert again.until == start + timedelta(seconds=3), "the longer, the oftener"
    asked = again.after_refusal(4, 30, start + timedelta(seconds=3))
    assert asked.until == start + timedelta(seconds=33), "as long as it asks for"
    for successes, capacity in ((0, 4), (3, 7), (30, 10)):
        found = asked
        for _ in range(successes):
            found = found.after_success()
        assert found.capacity(10, 0, start + timedelta(seconds=33)) == capacity


def test_others_are_not_sent_where_one_was_refused():
    async def scenario() -> None:
        only = Script(*[10] * 4, full(None), *[10] * 15)
        made, _ = fleet(Target("a", only, 10))
        calls = asyncio.create_task(chunks(made, *range(20)))
        for at, asked in ((0.5, 10), (9.5, 10), (10.5, 20), (20.5, 21)):
            await asyncio.sleep(at - asyncio.get_running_loop().time())
            assert (at, len(only.asked)) == (at, asked)
        assert await calls == [DONE] * 20

    virtual_time.run(scenario())


def test_when_all_are_full_it_waits_and_goes_on():
    async def scenario() -> None:
        only = Script(full(0.01), full(0.01))
        made, _ = fleet(Target("a", only, 2))
        assert await chunks(made, 0, 1) == [DONE, DONE]
        assert len(only.asked) == 4
        assert 1 <= asyncio.get_running_loop().time() < 4

    virtual_time.run(scenario())


async def test_a_target_of_no_use_is_left_out_and_the_chunk_goes_on():
    first, second = Script(UnknownTarget("no such function", where="function f", remedy="deploy it")), Script()
    made, heard = fleet(Target("a", first, 5), Target("b", second, 1))
    assert await chunks(made, 0, 1, 2) == [DONE] * 3
    assert sorted(second.asked)[0] == "c0"
    assert heard.said == ["a is not used any more: function f: no such function; deploy it"]


async def test_without_a_target_it_ends_with_all_reasons():
    gone = [UnknownTarget(f"no {name}", where=name) for name in "ab"]
    made, _ = fleet(Target("a", Script(gone[0]), 1), Target("b", Script(gone[1]), 1))
    with pytest.raises(NoTargetLeft, match=r"a: a: no a\n  b: b: no b") as caught:
        await chunks(made, 0)
    assert caught.value.exit_code == 64


async def test_who_waits_for_room_hears_that_there_is_no_target_left():
    go = asyncio.Event()
    only = Script(go, UnknownTarget("gone", where="a"))
    made, _ = fleet(Target("a", only, 1))
    calls = [asyncio.create_task(chunks(made, index)) for index in range(3)]
    await asyncio.sleep(0)
    go.set()
    async with asyncio.timeout(10):
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert results[0] == [DONE]
    assert [type(each) for each in results[1:]] == [NoTargetLeft, NoTargetLeft]


@pytest.mark.parametrize("error", [TimedOut("3 s", where="a"), Garbled("hello", where="a")])
async def test_a_lost_worker_is_a_failed_attempt(error):
    made, _ = fleet(Target("a", Script(error), 1))
    (reply,) = await chunks(made, 0)
    assert reply.exitCode == 1
    assert reply.stderr == str(error)


def test_a_target_that_loses_worker_after_worker_is_rested():
    async def scenario() -> None:
        lossy, sound = Script(*[TimedOut("3 s", where="a")] * 9), Script()
        made, heard = fleet(Target("a", lossy, 1), Target("b", sound, 1))
        for index in range(ENOUGH):
            await chunks(made, index)
        assert len(lossy.asked) == ENOUGH
        await chunks(made, 10, 11)
        assert sound.asked == ["c10", "c11"]
        assert heard.said == ["a is paused for a while: 5 chunks in a row failed there, the last time: a: 3 s"]
        await asyncio.sleep(11)
        await chunks(made, 12)
        assert lossy.asked[-1] == "c12", "it is tried again"

    virtual_time.run(scenario())


async def test_a_chunk_that_failed_twice_in_one_place_waits_for_another():
    go, held = asyncio.Event(), asyncio.Event()
    lossy, busy = Script(held, FAILED, FAILED), Script(go)
    made, _ = fleet(Target("a", lossy, 1), Target("b", busy, 1))
    first = asyncio.create_task(chunks(made, 8))
    under_way = asyncio.create_task(chunks(made, 9))
    await working(busy)
    held.set()
    assert await first == [DONE]
    for _ in range(2):
        assert await chunks(made, 0) == [FAILED]
    third = asyncio.create_task(chunks(made, 0))
    go.set()
    async with asyncio.timeout(10):
        assert [await under_way, await third] == [[DONE], [DONE]]
    assert (lossy.asked, busy.asked) == (["c8", "c0", "c0"], ["c9", "c0"])


async def test_a_target_with_another_image_is_left_out():
    other = Reply(exitCode=64, stderr="browser 1 there, 2 here", result={"error": "OtherEngine"})
    first, second = Script(other), Script()
    made, heard = fleet(Target("a", first, 1), Target("b", second, 1))
    assert await chunks(made, 0) == [DONE]
    assert heard.said == ["a is not used any more: browser 1 there, 2 here"]


async def test_the_users_mistake_is_nobodys_failure():
    wrong = Reply(exitCode=64, stderr="the page is wrong", result={"error": "PageError"})
    only = Script(wrong)
    made, _ = fleet(Target("a", only, 1))
    assert await chunks(made, 0) == [wrong]
    assert await chunks(made, 0) == [DONE]


async def test_a_cancelled_chunk_gives_its_place_back():
    never = asyncio.Event()
    only = Script(never)
    made, _ = fleet(Target("a", only, 1))
    call = asyncio.create_task(chunks(made, 0))
    await working(only)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await chunks(made, 1) == [DONE]
