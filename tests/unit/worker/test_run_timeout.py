"""A limit that real time alone does not reach: the process must have run."""

import asyncio
import time

import pytest

from helios_worker.capture.run_timeout import run_timeout


async def test_a_step_that_takes_too_long_is_ended():
    with pytest.raises(TimeoutError):
        async with run_timeout(0.05):
            await asyncio.Event().wait()


async def test_a_step_in_time_is_left_alone_and_so_is_what_follows():
    async with run_timeout(0.05):
        await asyncio.sleep(0)
    await asyncio.sleep(0.1)


async def test_an_error_of_the_step_is_its_own():
    with pytest.raises(ValueError, match="its own"):
        async with run_timeout(60):
            raise ValueError("its own")


async def test_time_in_which_the_process_did_not_run_counts_for_little():
    """A blocked loop is a frozen one, as far as its timers can tell."""
    async with run_timeout(0.4):
        await asyncio.sleep(0)
        time.sleep(1)  # noqa: ASYNC251 - that it blocks is the point
        await asyncio.sleep(0.05)
