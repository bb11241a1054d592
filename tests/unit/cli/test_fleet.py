"""Chunks over several targets: which one is next, and what becomes of one that is full, lossy or of no use.

Long, because every history runs on one fleet of scripted targets.
"""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from helios_adapters import Health
from helios_adapters.errors import (
    Crashed,
    Garbled,
    ProviderFailed,
    TimedOut,
    UnknownTarget,
)
from helios_adapters.health import ENOUGH
from helios_crds.wire import Reply
from helios_worker.network.origin_headers import HeadersMissing
from heliosctl.errors import StageFailed
from heliosctl.local.chunks import SAMPLE, ChunkRun
from heliosctl.local.fleet import Fleet, NoTargetLeft, Target
from tests import virtual_time
from tests.unit.cli.builders import job
from tests.unit.cli.scripted import FAILED, Heard, Script, chunks, fleet, full, now, working


async def test_as_many_at_once_as_each_takes():
    first, second = Script(), Script()
    made, heard = fleet(Target("a", first, 3), Target("b", second, 2))
    assert made.slots == 5
    await chunks(made, *range(20), heard=heard)
    assert (first.most_active, second.most_active) == (3, 2)
    assert len(first.asked) + len(second.asked) == 20
    assert sorted(heard.counted) == [(index, 6) for index in range(20)]
    assert sorted(heard.done) == list(range(20))


async def test_a_full_target_costs_no_attempt_and_the_next_has_the_chunk():
    first, second = Script(full(5)), Script()
    made, heard = fleet(Target("a", first, 1), Target("b", second, 1))
    await chunks(made, 0, heard=heard)
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
        await calls

    virtual_time.run(scenario())


def test_when_all_are_full_it_waits_and_goes_on():
    async def scenario() -> None:
        only = Script(full(0.01), full(0.01))
        made, _ = fleet(Target("a", only, 2))
        await chunks(made, 0, 1)
        assert len(only.asked) == 4
        assert 1 <= asyncio.get_running_loop().time() < 4

    virtual_time.run(scenario())


async def test_a_target_of_no_use_is_left_out_and_the_chunk_goes_on():
    first, second = Script(UnknownTarget("no such function", where="function f", remedy="deploy it")), Script()
    made, heard = fleet(Target("a", first, 5), Target("b", second, 1))
    await chunks(made, 0, 1, 2, heard=heard)
    assert sorted(second.asked)[0] == "c0"
    assert sorted(heard.done) == [0, 1, 2]
    assert heard.said == ["a is not used any more: function f: no such function; deploy it"]


async def test_a_function_that_lacks_the_headers_is_left_out_and_no_attempt_is_counted():
    """It is never given them; workers on this machine are."""
    said = HeadersMissing("/late.js needs the headers", remedy="give {composition.headersFrom} again")
    reply = Reply(exitCode=64, stderr=str(said), result={"error": "HeadersMissing", "remedy": said.remedy})
    first, second = Script(reply), Script()
    made, heard = fleet(Target("a", first, 1), Target("local", second, 1, is_local=True))
    await chunks(made, 0, 1, heard=heard, retries=0)
    assert sorted(heard.done) == [0, 1]
    assert heard.said == ["a is not used any more: /late.js needs the headers; give --headers-from again"]
    alone, _ = fleet(Target("a", Script(reply), 1))
    with pytest.raises(NoTargetLeft, match="needs the headers"):
        await chunks(alone, 0)


async def test_without_a_target_it_ends_with_all_reasons():
    gone = [UnknownTarget(f"no {name}", where=name) for name in "ab"]
    made, _ = fleet(Target("a", Script(gone[0]), 1), Target("b", Script(gone[1]), 1))
    with pytest.raises(NoTargetLeft, match=r"a: a: no a\n  b: b: no b") as caught:
        await chunks(made, 0)
    assert caught.value.exit_code == 64


async def test_what_waits_for_room_ends_when_there_is_no_target_left():
    go = asyncio.Event()
    only = Script(go, UnknownTarget("gone", where="a"))
    made, heard = fleet(Target("a", only, 1))
    call = asyncio.create_task(chunks(made, 0, 1, 2, heard=heard))
    await working(only)
    go.set()
    async with asyncio.timeout(10):
        with pytest.raises(NoTargetLeft):
            await call
    assert (heard.done, only.asked) == ([0], ["c0", "c1"])


@pytest.mark.parametrize("error", [TimedOut("3 s", where="a"), Garbled("hello", where="a")])
async def test_a_lost_worker_is_a_failed_attempt(error):
    made, heard = fleet(Target("a", Script(error, error), 1))
    with pytest.raises(StageFailed) as caught:
        await chunks(made, 0, heard=heard, retries=1)
    assert (caught.value.reply.exitCode, caught.value.reply.stderr) == (1, str(error))
    assert heard.said == [f"chunk 0 (frames 0 to 5) failed: {error}; trying again"]
    assert heard.lost == [(0, str(error))]


async def test_a_crash_is_forgiven_three_times():
    only = Script(*[Crashed("gone", where="a")] * 4)
    made, _ = fleet(Target("a", only, 1))
    with pytest.raises(StageFailed, match="4 times"):
        await chunks(made, 0)
    assert only.asked == ["c0"] * 4


def test_a_target_that_loses_worker_after_worker_is_rested():
    async def scenario() -> None:
        lossy, sound = Script(*[TimedOut("3 s", where="a")] * 9), Script()
        made, heard = fleet(Target("a", lossy, 1), Target("b", sound, 1))
        for index in range(ENOUGH):
            with pytest.raises(StageFailed):
                await chunks(made, index)
        assert len(lossy.asked) == ENOUGH
        await chunks(made, 10, 11)
        assert sound.asked == ["c10", "c11"]
        assert heard.said == ["a is paused for a while: 5 chunks in a row failed there, the last time: a: 3 s"]
        await asyncio.sleep(11)
        await chunks(made, 12, retries=1)
        assert lossy.asked[-1] == "c12", "it is tried again"

    virtual_time.run(scenario())


def test_a_target_that_rests_again_and_again_is_left_out():
    async def scenario() -> None:
        made, heard = fleet(Target("a", Script(*[ProviderFailed("503", where="a")] * 99), 1))
        with pytest.raises(NoTargetLeft, match="a: 9 chunks in a row failed there, the last time: a: 503"):
            await chunks(made, 0)
        assert 150 <= asyncio.get_running_loop().time() < 180
        assert [line.split(":")[0] for line in heard.said] == ["a is paused for a while"] * 4 + [
            "a is not used any more"
        ]

    virtual_time.run(scenario())


async def test_a_chunk_that_failed_twice_in_one_place_waits_for_another():
    """Chunk 0 begins at `busy`, so that chunk 1 has only `lossy` at first."""
    go = asyncio.Event()
    busy, lossy = Script(go), Script(FAILED, FAILED)
    made, _ = fleet(Target("busy", busy, 1), Target("lossy", lossy, 1))
    run = asyncio.create_task(chunks(made, 0, 1, retries=3))
    async with asyncio.timeout(10):
        while len(lossy.asked) < 2:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        assert lossy.asked == ["c1", "c1"], "it waits"
        go.set()
        await run
    assert (lossy.asked, busy.asked) == (["c1", "c1"], ["c0", "c1"])


async def test_a_target_with_another_image_is_left_out():
    other = Reply(exitCode=1, stderr="browser 1 there, 2 here", result={"error": "OtherEngine"})
    first, second = Script(other), Script()
    made, heard = fleet(Target("a", first, 1), Target("b", second, 1))
    await chunks(made, 0, heard=heard)
    assert (heard.done, second.asked) == ([0], ["c0"])
    assert len(heard.said) == 1
    assert heard.said[0].startswith("a is not used any more: browser 1 there, 2 here; deploy the image there")


async def test_the_users_mistake_is_nobodys_failure():
    wrong = Reply(exitCode=64, stderr="the page is wrong", result={"error": "PageError"})
    only = Script(wrong)
    made, _ = fleet(Target("a", only, 1))
    with pytest.raises(StageFailed, match="the page is wrong") as caught:
        await chunks(made, 0, retries=9)
    assert caught.value.reply == wrong
    await chunks(made, 0)
    assert only.asked == ["c0", "c0"]


async def test_a_cancelled_chunk_gives_its_place_back():
    never = asyncio.Event()
    only = Script(never)
    made, _ = fleet(Target("a", only, 1))
    call = asyncio.create_task(chunks(made, 0))
    await working(only)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await chunks(made, 1)
    assert only.asked == ["c0", "c1"]


def test_a_slow_chunk_is_rendered_twice_and_the_first_one_done_wins():
    async def scenario() -> None:
        first, second = Script(10, 10, 1000), Script(10, 10, 10, 10)
        made, heard = fleet(Target("a", first, 1), Target("b", second, 1))
        await chunks(made, *range(6), heard=heard)
        assert (first.asked, second.asked) == (["c0", "c2", "c4"], ["c1", "c3", "c5", "c4"])
        assert sorted(heard.done) == list(range(6))
        assert asyncio.get_running_loop().time() == pytest.approx(90, abs=3), "it began at 20 s, and is slow after 60"
        assert first.active == 0, "nobody waits for the slow one"

    virtual_time.run(scenario())


def test_this_machine_alone_renders_nothing_twice():
    async def scenario() -> None:
        only = Script(1, 1, 1, 1, 1000)
        heard = Heard()
        made = Fleet([Target("local", only, 2, is_local=True)], only, heard, clock=now)
        await chunks(made, *range(5), heard=heard)
        assert len(only.asked) == 5
        assert asyncio.get_running_loop().time() > 1000

    virtual_time.run(scenario())


def test_a_long_film_is_rendered_whole():
    """More chunks than attempts are remembered; the slow one is rendered again when nothing else is left."""

    async def scenario() -> None:
        count = 3 * SAMPLE
        first, second = Script(5000), Script(*[1, 2, 3] * count)
        made, heard = fleet(Target("a", first, 1), Target("b", second, 2))
        film = job(frames=count, per_chunk=1)
        await ChunkRun(film, "x", made, heard, 0).render(range(count))
        assert sorted(heard.done) == list(range(count))
        assert first.asked[0] == "c0"
        assert second.asked.count("c0") == 1, "its second attempt"
        assert len(first.asked + second.asked) == count + 1
        assert 600 < asyncio.get_running_loop().time() < 700

    virtual_time.run(scenario())
