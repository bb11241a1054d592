"""The operator dies six times over one film, each time at a write, and the film is the same to the byte.

tests/integration/operator kills it at every write there is; this has real workers, whose work must not be lost or
done twice.
"""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster import images
from tests.e2e import release
from tests.e2e.cluster import Cluster
from tests.e2e.films import FRAMES, UNIT, completed, render_job
from tests.integration.operator.api import eventually
from tests.integration.operator.operator_process import OperatorProcess
from tests.integration.operator.proxy import proxy
from tests.integration.operator.test_killed_operator import Death, arm

CHUNKS = 6
DEATHS = [
    Death(2, has_reached=False),
    Death(4, has_reached=True),
    Death(6, has_reached=False),
    Death(8, has_reached=True),
    Death(10, has_reached=False),
    Death(12, has_reached=True),
]
OPTIONS = (
    f"--image={images.tag('worker')}",
    "--artifacts=file:///artifacts/",
    "--claim=helios-artifacts",
    "--access-mode=ReadWriteOnce",
)


async def happens(event: asyncio.Event, what: str, **signs: Callable[[], object]) -> None:
    """Waits for an event."""

    async def is_set() -> bool:
        return event.is_set()

    await eventually(is_set, what, **signs)


@pytest.mark.usefixtures("operator")
async def test_the_film_survives_its_operators(cluster: Cluster, namespace: str, film_by_hand: str, tmp_path: Path):
    with release.asleep(cluster):
        async with proxy(cluster.api) as way:
            operator = OperatorProcess(tmp_path / "operator", way.url, namespace, *OPTIONS)
            cut = {"frames": FRAMES // CHUNKS}
            cluster.apply(render_job(namespace, "teaser", frames=FRAMES, unit=UNIT, chunking=cut))
            for death in DEATHS:
                way.calm()
                died = arm(way, operator, death)
                await operator.start()
                await happens(died, f"the operator's {death}", writes=lambda: len(way.writes))
                await operator.kill()
            way.calm()
            async with operator:
                status = await asyncio.to_thread(completed, cluster, namespace, "teaser")
                operator.signal(signal.SIGTERM)
    assert (status["chunkMap"], status["failures"]) == ("#" * CHUNKS, 0)
    assert status["output"]["sha256"] == film_by_hand
    made = [job["metadata"]["name"].split("-", 2)[2] for job in cluster.get("jobs", namespace)["items"]]
    assert sorted(made) == sorted(["plan-a1", *(f"c{index:05d}-a1" for index in range(CHUNKS)), "stitch-a1"])
