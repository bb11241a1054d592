"""Chunks over several targets: which one is next, and what becomes of one that is full, lossy or of no use."""

import asyncio

import pytest

from helios_adapters.errors import Garbled, TargetError, Throttled, TimedOut, UnknownTarget
from helios_crds.wire import Payload, Reply, Stage
from heliosctl.local.fleet import LOST_IN_A_ROW, Fleet, NoTargetLeft, Place, choose
from heliosctl.terminal.progress import Silent

DONE = Reply(exitCode=0, result={"frames": 6})
FAILED = Reply(exitCode=1, stderr="no store there")


def full(retry_after: float | None = 0.0) -> Throttled:
    return Throttled("too many", where="there", retry_after=retry_after)


class Script:
    """An adapter that answers in turn; then everything is done at once."""

    def __init__(self, *answers: Reply | TargetError | asyncio.Event) -> None:
        self.asked: list[str] = []
        self.most_active = self.active = 0
        self._answers = list(answers)

    async def invoke(self, payload: Payload) -> Reply:
        self.asked.append(f"c{payload.chunkIndex}" if payload.stage is Stage.CHUNK else payload.stage.value)
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        try:
            answer = self._answers.pop(0) if self._answers else DONE
            await asyncio.sleep(0)
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


class Ticking:
    """A clock that goes on by as much as is waited for, so that no test does."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def fleet(*places: Place, home: Script | None = None, clock: Ticking | None = None) -> tuple[Fleet, Heard]:
    heard = Heard()
    return Fleet(places, home or Script(), heard, clock=clock or Ticking()), heard


async def chunks(made: Fleet, *indexes: int) -> list[Reply]:
    return await asyncio.gather(*(made.invoke(Payload(jobPath="x", chunkIndex=index)) for index in indexes))


async def working(script: Script) -> None:
    async with asyncio.timeout(10):
        while not script.active:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)


def place(name: str, *, active: int = 0, slots: int = 2, rests_until: float = 0, left_out: str | None = None) -> Place:
    return Place(name, Script(), slots, active=active, rests_until=rests_until, left_out=left_out)


@pytest.mark.parametrize(
    ("places", "failed", "chosen"),
    [
        pytest.param([place("a"), place("b")], {}, "a", id="the first"),
        pytest.param([place("a", active=2), place("b")], {}, "b", id="the first with room"),
        pytest.param([place("a", rests_until=11), place("b")], {}, "b", id="not one that rests"),
        pytest.param([place("a", rests_until=10), place("b")], {}, "a", id="one that has rested"),
        pytest.param([place("a", left_out="why"), place("b")], {}, "b", id="not one that is left out"),
        pytest.param([place("a", active=2)], {}, None, id="nowhere now"),
        pytest.param([place("a"), place("b")], {"a": 1}, "b", id="elsewhere after a failure"),
        pytest.param([place("a"), place("b", active=2)], {"a": 1}, "a", id="there again if there is no room elsewhere"),
        pytest.param([place("a"), place("b", active=2)], {"a": 2}, None, id="after two it waits for elsewhere"),
        pytest.param([place("a"), place("b", left_out="why")], {"a": 2}, "a", id="unless there is no elsewhere"),
        pytest.param([place("a"), place("b")], {"a": 2, "b": 2}, "a", id="or all are alike"),
    ],
)
def test_the_place_for_a_chunk(places, failed, chosen):
    found = choose(places, failed, 10)
    assert (found.name if found else None) == chosen


async def test_plan_and_stitch_stay_at_home():
    home, away = Script(), Script()
    made, _ = fleet(Place("a", away, 5), home=home)
    for stage in (Stage.PLAN, Stage.STITCH):
        await made.invoke(Payload(jobPath="x", stage=stage))
    await chunks(made, 0)
    assert home.asked == ["plan", "stitch"]
    assert away.asked == ["c0"]


async def test_as_many_at_once_as_each_takes():
    first, second = Script(), Script()
    made, heard = fleet(Place("a", first, 3), Place("b", second, 2))
    assert made.slots == 5
    assert await chunks(made, *range(20)) == [DONE] * 20
    assert (first.most_active, second.most_active) == (3, 2)
    assert len(first.asked) + len(second.asked) == 20
    assert sorted(heard.counted) == [(index, 6) for index in range(20)]


async def test_a_full_target_costs_no_attempt_and_the_next_has_the_chunk():
    first, second = Script(full(5)), Script()
    made, heard = fleet(Place("a", first, 1), Place("b", second, 1))
    assert await chunks(made, 0) == [DONE]
    assert (first.asked, second.asked) == (["c0"], ["c0"])
    assert heard.said == ["a is full: too many; it gets fewer at once for a while"]


async def test_a_full_target_gets_as_many_as_it_had_and_slowly_more():
    only = Place("a", Script(), 10, active=5)
    only.was_full(0, None, 0)
    assert (only.limit, only.rests_until) == (4, 0.5)
    only.was_full(1, None, 0)
    assert only.rests_until == 2.0, "the longer, the oftener"
    only.was_full(1, 30, 0)
    assert only.rests_until == 31, "as long as it asks for"
    for _ in range(3):
        only.did_well()
    assert only.limit == 7
    for _ in range(30):
        only.did_well()
    assert only.limit == 10


async def test_when_all_are_full_it_waits_and_goes_on():
    only = Script(full(0.01), full(0.01))
    made = Fleet([Place("a", only, 2)], Script(), Silent())
    async with asyncio.timeout(10):
        assert await chunks(made, 0, 1) == [DONE, DONE]
    assert len(only.asked) == 4


async def test_a_target_of_no_use_is_left_out_and_the_chunk_goes_on():
    first, second = Script(UnknownTarget("no such function", where="function f", remedy="deploy it")), Script()
    made, heard = fleet(Place("a", first, 5), Place("b", second, 1))
    assert await chunks(made, 0, 1, 2) == [DONE] * 3
    assert sorted(second.asked)[0] == "c0"
    assert heard.said == ["a is left out: function f: no such function; deploy it"]


async def test_without_a_target_it_ends_with_all_reasons():
    gone = [UnknownTarget(f"no {name}", where=name) for name in "ab"]
    made, _ = fleet(Place("a", Script(gone[0]), 1), Place("b", Script(gone[1]), 1))
    with pytest.raises(NoTargetLeft, match=r"a: a: no a\n  b: b: no b") as caught:
        await chunks(made, 0)
    assert caught.value.exit_code == 64


async def test_who_waits_for_room_hears_that_there_is_no_target_left():
    go = asyncio.Event()
    only = Script(go, UnknownTarget("gone", where="a"))
    made, _ = fleet(Place("a", only, 1))
    calls = [asyncio.create_task(chunks(made, index)) for index in range(3)]
    await asyncio.sleep(0)
    go.set()
    async with asyncio.timeout(10):
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert results[0] == [DONE]
    assert [type(each) for each in results[1:]] == [NoTargetLeft, NoTargetLeft]


@pytest.mark.parametrize("error", [TimedOut("3 s", where="a"), Garbled("hello", where="a")])
async def test_a_lost_worker_is_a_failed_attempt(error):
    made, _ = fleet(Place("a", Script(error), 1))
    (reply,) = await chunks(made, 0)
    assert reply.exitCode == 1
    assert reply.stderr == str(error)


async def test_a_target_that_loses_worker_after_worker_is_rested():
    clock = Ticking()
    lossy, sound = Script(*[TimedOut("3 s", where="a")] * 9), Script()
    made, heard = fleet(Place("a", lossy, 1), Place("b", sound, 1), clock=clock)
    for index in range(LOST_IN_A_ROW):
        await chunks(made, index)
    assert len(lossy.asked) == LOST_IN_A_ROW
    await chunks(made, 10, 11)
    assert sound.asked == ["c10", "c11"]
    assert heard.said == ["a lost 3 workers in a row and is rested for a while: a: 3 s"]
    clock.now += 11
    await chunks(made, 12)
    assert lossy.asked[-1] == "c12", "it is tried again"


async def test_a_chunk_that_failed_twice_in_one_place_waits_for_another():
    go = asyncio.Event()
    lossy, busy = Script(FAILED, FAILED), Script(go)
    first, second = Place("a", lossy, 1), Place("b", busy, 1)
    made, _ = fleet(first, second)
    first.limit = 0  # so that the other one has this chunk
    under_way = asyncio.create_task(chunks(made, 9))
    await working(busy)
    first.limit = 1
    for _ in range(2):
        assert await chunks(made, 0) == [FAILED]
    third = asyncio.create_task(chunks(made, 0))
    go.set()
    async with asyncio.timeout(10):
        assert [await under_way, await third] == [[DONE], [DONE]]
    assert (lossy.asked, busy.asked) == (["c0", "c0"], ["c9", "c0"])


async def test_a_target_with_another_image_is_left_out():
    other = Reply(exitCode=64, stderr="browser 1 there, 2 here", result={"error": "OtherEngine"})
    first, second = Script(other), Script()
    made, heard = fleet(Place("a", first, 1), Place("b", second, 1))
    assert await chunks(made, 0) == [DONE]
    assert heard.said == ["a is left out: browser 1 there, 2 here"]


async def test_the_users_mistake_is_nobodys_failure():
    wrong = Reply(exitCode=64, stderr="the page is wrong", result={"error": "PageError"})
    only = Script(wrong)
    made, _ = fleet(Place("a", only, 1))
    assert await chunks(made, 0) == [wrong]
    assert await chunks(made, 0) == [DONE]


async def test_a_cancelled_chunk_gives_its_place_back():
    never = asyncio.Event()
    only = Script(never)
    made, _ = fleet(Place("a", only, 1))
    call = asyncio.create_task(chunks(made, 0))
    await working(only)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await chunks(made, 1) == [DONE]
