"""The operator dies at any of its writes, before the API server has it or before it hears so, and nothing is lost."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from helios_crds.wire import chunk_bitmap
from tests.cluster.control_plane import ControlPlane
from tests.integration.operator.api import RENDER, Api, is_complete
from tests.integration.operator.one_render import CHUNKS, PLAIN
from tests.integration.operator.operator_process import OperatorProcess
from tests.integration.operator.proxy import Call, Proxy, proxy
from tests.integration.operator.renders import render_job, target


@dataclass(frozen=True)
class Scenario:
    """A render. attempts: what is made for it, by the end of the Jobs' names; failures: as the status counts them.

    writes: how many the operator makes on an idle machine. workers: what they do, by tests/cluster/fake_workers.py.
    """

    name: str
    attempts: Mapping[str, int]
    failures: int
    writes: int
    workers: dict[str, str] = field(default_factory=dict)


SMOOTH = Scenario("smooth", PLAIN, 0, 20)
# One chunk fails once, and the stitch finds another one damaged: both are on record once, however often we die.
ROUGH = Scenario(
    "rough",
    {**PLAIN, "c00002-a2": 1, "c00004-a2": 1, "stitch-a2": 1},
    2,
    28,
    {"chunk-2-a1": "1", "stitch-0-a1": "1", "stitch-0-a1.message": json.dumps({"badChunks": chunk_bitmap([4])})},
)


@dataclass(frozen=True)
class Death:
    """When the operator dies: at its write of this number, once the API server has it or just before."""

    write: int
    has_reached: bool

    def __str__(self) -> str:
        return f"{'after' if self.has_reached else 'before'}-write-{self.write}"


NEVER = Death(0, has_reached=False)


def arm(way: Proxy, operator: OperatorProcess, death: Death) -> asyncio.Event:
    """Makes it so. Returns what is set when it has happened."""
    died = asyncio.Event()

    async def die(call: Call) -> web.Response | None:
        if call.write != death.write:
            return None
        operator.signal(signal.SIGKILL)
        died.set()
        return web.Response(status=500)  # nobody hears it

    if death.has_reached:
        way.after = die
    else:
        way.before = die
    return died


async def render(
    plane: ControlPlane, api: Api, folder: Path, where: str, scenario: Scenario, death: Death
) -> tuple[int, bool]:
    """Renders a film over one death of the operator, and checks what is there.

    Returns how many writes it took, and whether it came to that death: a render may take fewer writes than another,
    as chunks that end at once are seen at once.

    Raises:
        AssertionError: something is lost, or was done twice.
    """
    await api.namespace(where)
    await api.create(f"{RENDER}/rendertargets", target(where, CHUNKS, scenario.workers))
    async with proxy(plane, where) as way:
        operator = OperatorProcess(folder / where, way.url, where)
        died = arm(way, operator, death)
        async with operator:
            await api.create(f"{RENDER}/namespaces/{where}/renderjobs", render_job("film", where))
            end = asyncio.create_task(api.until(where, "film", is_complete, "the film"))
            await asyncio.wait({asyncio.create_task(died.wait()), end}, return_when=asyncio.FIRST_COMPLETED)
            if died.is_set():
                await operator.kill()
                way.calm()
                await operator.start()
            job = await end
        status = job["status"]
        assert (status["chunkMap"], status["failures"]) == ("#" * CHUNKS, scenario.failures), status
        found = await api.jobs(where)
        made = Counter(each["metadata"]["name"].split("-", 2)[2] for each in found)
        assert made == scenario.attempts, made
        assert all(each["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"] for each in found)
        assert not [each["metadata"]["name"] for each in found if each["status"].get("active")], "orphans"
        return len(way.writes), died.is_set()


@pytest.mark.parametrize("scenario", [SMOOTH, ROUGH], ids=lambda scenario: scenario.name)
async def test_a_render_makes_no_more_writes_than_are_known(
    plane: ControlPlane, api: Api, tmp_path: Path, scenario: Scenario
):
    writes, _ = await render(plane, api, tmp_path, f"{scenario.name}-alive", scenario, NEVER)
    assert writes <= scenario.writes + 4, "it is to die at any of them; their number differs by some from time to time"


@pytest.mark.parametrize("has_reached", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("scenario", "write"),
    [
        *(pytest.param(SMOOTH, write, id=f"smooth-write-{write}") for write in range(1, SMOOTH.writes + 1)),
        # where failures are put on record
        *(pytest.param(ROUGH, write, id=f"rough-write-{write}") for write in range(ROUGH.writes - 10, ROUGH.writes, 2)),
    ],
)
async def test_the_operator_is_killed(
    plane: ControlPlane, api: Api, tmp_path: Path, scenario: Scenario, write: int, has_reached: bool
):
    where = f"{scenario.name}-{'after' if has_reached else 'before'}-{write}"
    writes, has_died = await render(plane, api, tmp_path, where, scenario, Death(write, has_reached))
    # Each Job takes a write, on the busiest machine too.
    assert has_died or write > sum(scenario.attempts.values()), "the operator did not come to it"
    for again in range(3):
        if has_died:
            break
        # This render did with fewer writes than usual: as many before its end, then.
        death = Death(writes - (scenario.writes - write), has_reached)
        writes, has_died = await render(plane, api, tmp_path, f"{where}-again-{again}", scenario, death)
    assert has_died, "the operator did not come to it"
