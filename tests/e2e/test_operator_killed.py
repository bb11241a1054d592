"""The operator dies six times over one film, each time at a write, and the film is the same to the byte.

tests/integration/operator kills it at every write there is; this has real workers, whose work must not be lost or
done twice.
"""

import asyncio
import base64
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.cluster import images
from tests.e2e import release
from tests.e2e.cluster import Cluster
from tests.e2e.films import FRAMES, UNIT, completed, render_job
from tests.integration.operator.api import eventually
from tests.integration.operator.operator_process import OperatorProcess
from tests.integration.operator.proxy import proxy
from tests.integration.operator.test_killed_operator import Death, arm

CHUNKS = FRAMES // UNIT
DEATHS = [
    Death(2, has_reached=False),
    Death(5, has_reached=True),
    Death(8, has_reached=False),
    Death(11, has_reached=True),
    Death(14, has_reached=False),
    Death(17, has_reached=True),
]
OPTIONS = (
    f"--image={images.tag('worker')}",
    "--artifacts=file:///artifacts/",
    "--claim=helios-artifacts",
    "--access-mode=ReadWriteOnce",
)


@dataclass(frozen=True)
class Server:
    """The cluster's API server, as its kubeconfig tells of it."""

    server: str
    certificate: tuple[Path, Path, Path]


def api_server(kubeconfig: Path, folder: Path) -> Server:
    """Reads a kubeconfig; what it holds of certificates goes into files."""
    document = yaml.safe_load(kubeconfig.read_text())
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    held = {
        "ca.crt": cluster["certificate-authority-data"],
        "user.crt": user["client-certificate-data"],
        "user.key": user["client-key-data"],
    }
    for name, data in held.items():
        (folder / name).write_bytes(base64.b64decode(data))
    return Server(cluster["server"], (folder / "ca.crt", folder / "user.crt", folder / "user.key"))


async def happens(event: asyncio.Event, what: str, **signs: Callable[[], object]) -> None:
    """Waits for an event."""

    async def is_set() -> bool:
        return event.is_set()

    await eventually(is_set, what, **signs)


@pytest.mark.usefixtures("operator")
async def test_the_film_survives_its_operators(cluster: Cluster, namespace: str, film_by_hand: str, tmp_path: Path):
    with release.asleep(cluster):
        async with proxy(api_server(cluster.kubeconfig, tmp_path)) as way:
            operator = OperatorProcess(tmp_path / "operator", way.url, namespace, *OPTIONS)
            cluster.apply(render_job(namespace, "teaser", frames=FRAMES, unit=UNIT))
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
    made = [job["metadata"]["name"].split("-", 2)[2] for job in cluster.get("jobs", "-n", namespace)["items"]]
    assert sorted(made) == sorted(["plan-a1", *(f"c{index:05d}-a1" for index in range(CHUNKS)), "stitch-a1"])
