"""Whether a process gets the processors that it asks for, by the kernel's own count, with real processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from helios_worker.capture.page.starvation import OVERLOADED, overloaded_share, waiting_share
from helios_worker.errors import UserError

BUSY = "print(flush=True)\nwhile True: pass"
IDLE = "print(flush=True)\nimport time; time.sleep(600)"


@contextmanager
def processes(*programs: str) -> Iterator[list[int]]:
    """Processes that all run on one processor."""
    one = {min(os.sched_getaffinity(0))}
    running = [
        subprocess.Popen(["setpriv", "--pdeathsig", "KILL", sys.executable, "-c", program], stdout=subprocess.PIPE)
        for program in programs
    ]
    try:
        for each in running:
            assert each.stdout is not None
            each.stdout.readline()
            os.sched_setaffinity(each.pid, one)
        yield [each.pid for each in running]
    finally:
        for each in running:
            each.kill()
            each.wait()


async def test_of_twelve_on_one_processor_each_is_starved():
    with processes(*[BUSY] * 12) as pids:
        assert await waiting_share(pids[:1]) >= OVERLOADED


async def test_who_has_a_processor_to_itself_is_not_starved_however_much_it_wants():
    """A page with hundreds of workers, for one."""
    with processes(*[BUSY] * 12) as pids:
        assert await waiting_share(pids) < OVERLOADED


async def test_who_wants_nothing_is_not_starved_whatever_the_machine_does():
    with processes(IDLE, *[BUSY] * 4) as pids:
        assert await waiting_share(pids[:1]) == 0


@pytest.mark.parametrize("pids", [[], [2**22 + 1]], ids=["none", "gone"])
async def test_who_is_not_there_is_not_starved(pids, monkeypatch):
    monkeypatch.setattr("helios_worker.capture.page.starvation.SAMPLE_SECONDS", 0)
    assert await waiting_share(pids) == 0


@pytest.mark.parametrize(("text", "share"), [("0.5", 0.5), ("2", 2.0)])
def test_an_admin_says_when_a_machine_is_overloaded(text, share):
    assert overloaded_share({"HELIOS_OVERLOADED": text}) == share


def test_a_share_that_is_no_number():
    with pytest.raises(UserError, match="HELIOS_OVERLOADED is 'much', which is not a number"):
        overloaded_share({"HELIOS_OVERLOADED": "much"})
