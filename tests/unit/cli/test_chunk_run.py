"""What a command hears of its chunks when attempts end together, fail by the hundred, or have a duplicate."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from helios_adapters.errors import AccessDenied
from helios_crds.backoff import Backoff
from helios_crds.wire import Payload, Reply
from heliosctl.errors import StageFailed
from heliosctl.local.chunks import CONFIG, ChunkRun
from heliosctl.local.fleet import Fleet, Target
from tests import virtual_time
from tests.unit.cli.builders import job
from tests.unit.cli.scripted import DONE, FAILED, Heard, Script, chunks, fleet, now

MISTAKE = Reply(exitCode=64, stderr="frame 7: x is not defined")
FINISHED = [10, 10, 10]
"""Seconds of three chunks: enough to know what is slow."""


async def render(count: int, cloud: Script, heard: Heard, *, retries: int) -> None:
    """Renders chunks on one target that takes five hundred at once, without back-off."""
    made = Fleet([Target("cloud", cloud, 500)], Script(), heard, clock=now)
    at_once = replace(CONFIG, backoff=Backoff(base=0), disruption_pause=timedelta(0))
    await ChunkRun(job(frames=count * 6, per_chunk=6), "x", made, heard, retries, at_once).render(range(count))


def test_hundreds_of_chunks_that_fail_once_are_rendered():
    """More than the operator allows a RenderJob, and more than a status can hold."""
    many, heard = 600, Heard()

    class FailsOnce(Script):
        async def invoke(self, payload: Payload, key: str = "") -> Reply:
            reply = await super().invoke(payload, key)
            return FAILED if payload.attempt == 1 else reply

    cloud = FailsOnce()
    virtual_time.run(render(many, cloud, heard, retries=2))
    assert (sorted(heard.done), len(cloud.asked)) == (list(range(many)), 2 * many)


def test_hundreds_of_chunks_that_always_fail_end_after_their_retries():
    cloud, heard = Script(*[FAILED] * 5000), Heard()
    with pytest.raises(StageFailed, match="no store there"):
        virtual_time.run(render(600, cloud, heard, retries=1))
    assert len(cloud.asked) <= 2 * 600


def test_a_chunk_that_is_done_has_not_failed_whatever_its_duplicate_says():
    """Both of its attempts end in the same moment."""

    async def scenario() -> None:
        slow, fast = Script(*FINISHED, (90, FAILED)), Script((30, DONE))
        made, heard = fleet(Target("a", slow, 4), Target("b", fast, 1))
        await chunks(made, 0, 1, 2, 3, heard=heard)
        assert (sorted(heard.done), heard.lost) == ([0, 1, 2, 3], [])

    virtual_time.run(scenario())


def test_with_all_chunks_done_no_target_is_missed():
    async def scenario() -> None:
        lost = AccessDenied("may not", where="a")
        only = Script(*FINISHED, (90, DONE), (30, lost))
        made, heard = fleet(Target("a", only, 5))
        await chunks(made, 0, 1, 2, 3, heard=heard)
        assert sorted(heard.done) == [0, 1, 2, 3]

    virtual_time.run(scenario())


def test_a_mistake_of_the_page_ends_the_render_although_a_duplicate_runs():
    async def scenario() -> None:
        slow, other = Script(*FINISHED, (90, MISTAKE)), Script(1000)
        made, heard = fleet(Target("a", slow, 4), Target("b", other, 1))
        with pytest.raises(StageFailed, match="x is not defined"):
            await chunks(made, 0, 1, 2, 3, heard=heard, retries=2)
        assert asyncio.get_running_loop().time() < 91

    virtual_time.run(scenario())
