"""The operator dies at any of its writes, before the API server has it or before it hears so, and nothing is lost."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from helios_crds.wire import chunk_bitmap
from tests.cluster.control_plane import ControlPlane
from tests.integration.operator.api import RENDER, Api, is_complete
from tests.integration.operator.operator_process import OperatorProcess
from tests.integration.operator.proxy import Call, Proxy, proxy
from tests.integration.operator.renders import render_job, target

CHUNKS = 6
PLAIN = {"plan-a1": 1, **{f"c0000{index}-a1": 1 for index in range(CHUNKS)}, "stitch-a1": 1}
AT_ONCE = 8
PATIENCE = 90


@dataclass(frozen=True)
class Scenario:
    """A render. attempts: what is made for it, by the end of the Jobs' names; failures: as the status counts them."""

    name: str
    attempts: Mapping[str, int]
    failures: int
    workers: dict[str, str] = field(default_factory=dict)

    @property
    def target(self) -> dict[str, Any]:
        """Its RenderTarget, with workers that do so."""
        return target(self.name, CHUNKS, self.workers)


SMOOTH = Scenario("smooth", PLAIN, 0)
# One chunk fails once, and the stitch finds another one damaged: both are on record once, however often we die.
ROUGH = Scenario(
    "rough",
    {**PLAIN, "c00002-a2": 1, "c00004-a2": 1, "stitch-a2": 1},
    2,
    {"chunk-2-a1": "1", "stitch-0-a1": "1", "stitch-0-a1.message": json.dumps({"badChunks": chunk_bitmap([4])})},
)


@dataclass(frozen=True)
class Death:
    """When the operator dies: at its write of this number, once the API server has it or just before."""

    write: int
    has_reached: bool

    def __str__(self) -> str:
        return f"{'after' if self.has_reached else 'before'}-write-{self.write}"


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
    plane: ControlPlane, api: Api, folder: Path, scenario: Scenario, death: Death | None
) -> tuple[int, bool]:
    """Renders a film over one death of the operator, and checks what is there.

    Returns how many writes it took, and whether it came to that death: a render may take fewer writes than another,
    as chunks that end at once are seen at once.

    Raises:
        AssertionError: something is lost, or was done twice.
    """
    where = await api.namespace(f"{scenario.name}-{death or 'alive'}")
    async with proxy(plane) as way:
        operator = OperatorProcess(folder / where, way.url, where)
        died = arm(way, operator, death) if death else None
        async with operator:
            await api.create(f"{RENDER}/namespaces/{where}/renderjobs", render_job("film", scenario.name))
            end = asyncio.create_task(api.until(where, "film", is_complete, "the film", PATIENCE))
            if died is not None:
                death_or_end = {asyncio.create_task(died.wait()), end}
                await asyncio.wait(death_or_end, return_when=asyncio.FIRST_COMPLETED)
            if died is not None and died.is_set():
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
        return len(way.writes), died is not None and died.is_set()


@pytest.mark.parametrize(
    ("scenario", "chosen"),
    [
        pytest.param(SMOOTH, lambda writes: range(1, writes + 1), id="any write of a render"),
        pytest.param(ROUGH, lambda writes: range(writes - 10, writes - 1, 2), id="where failures are put on record"),
    ],
)
async def test_the_operator_is_killed(
    plane: ControlPlane, api: Api, tmp_path: Path, scenario: Scenario, chosen: Callable[[int], range]
):
    await api.create(f"{RENDER}/rendertargets", scenario.target)
    writes, _ = await render(plane, api, tmp_path, scenario, None)
    deaths = [Death(number, reached) for number in chosen(writes) for reached in (False, True)]
    places = asyncio.Semaphore(AT_ONCE)
    died = list[Death]()

    async def one(death: Death) -> str | None:
        async with places:
            try:
                _, has_died = await render(plane, api, tmp_path, scenario, death)
            except AssertionError as error:
                return f"{death}: {error}"
        if has_died:
            died.append(death)
        elif death.write <= sum(scenario.attempts.values()):  # each Job takes a write, on the busiest machine too
            return f"{death}: the operator did not come to it"
        return None

    said = [text for text in await asyncio.gather(*map(one, deaths)) if text is not None]
    if said:
        pytest.fail(f"{len(said)} of {len(deaths)} deaths cost something\n" + "\n".join(said))
    assert 3 * len(died) >= len(deaths), f"only {len(died)} of {len(deaths)} renders came to the operator's death"
