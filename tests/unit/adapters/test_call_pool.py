"""Blocking calls in threads: bounded, never in the loop's way, never in the way of the process's end."""

import asyncio
import subprocess
import sys
import threading

import pytest

from helios_adapters.call_pool import CallPool
from helios_adapters.errors import NoCapacity


async def over(pool: CallPool) -> None:
    async with asyncio.timeout(10):
        while pool.active:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)


async def test_a_call_gives_its_result_or_its_error():
    pool = CallPool(1, "there")
    assert await pool.run(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await pool.run(lambda: 1 // 0)
    assert pool.active == 0


async def test_one_more_than_there_is_room_for_is_refused_at_once():
    pool, go = CallPool(2, "there"), threading.Event()
    calls = [asyncio.create_task(pool.run(go.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(NoCapacity, match="there: 2 calls are under way"):
        await pool.run(lambda: None)
    go.set()
    assert await asyncio.gather(*calls) == [True, True]
    assert await pool.run(lambda: 1) == 1, "their places are free again"


async def test_a_cancelled_call_keeps_its_place_until_it_ends():
    pool, go, ended = CallPool(1, "there"), threading.Event(), threading.Event()

    def work() -> None:
        go.wait()
        ended.set()

    call = asyncio.create_task(pool.run(work))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (pool.active, pool.abandoned) == (1, 1)
    with pytest.raises(NoCapacity, match="1 of them cancelled"):
        await pool.run(lambda: None)
    go.set()
    await asyncio.to_thread(ended.wait)
    await over(pool)
    assert pool.abandoned == 0
    assert await pool.run(lambda: 1) == 1


async def test_an_error_that_nobody_waits_for_is_nobodys(caplog):
    pool, go = CallPool(1, "there"), threading.Event()

    def work() -> None:
        go.wait()
        raise ValueError("late")

    call = asyncio.create_task(pool.run(work))
    await asyncio.sleep(0)
    call.cancel()
    go.set()
    await over(pool)
    with pytest.raises(asyncio.CancelledError):
        await call
    assert caplog.records == []


def test_a_process_ends_while_a_call_hangs():
    program = """
import asyncio, threading
from helios_adapters.call_pool import CallPool
async def main():
    try:
        async with asyncio.timeout(0.05):
            await CallPool(1, "there").run(threading.Event().wait)
    except TimeoutError:
        print("ended")
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")


async def test_a_thread_that_cannot_be_started_costs_no_place(monkeypatch: pytest.MonkeyPatch):
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    pool = CallPool(1, "there")
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        with pytest.raises(NoCapacity, match="there: no thread"):
            await pool.run(lambda: None)
    assert await pool.run(lambda: 7) == 7
