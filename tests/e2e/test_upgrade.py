"""Another worker image in the middle of a render, by `helm upgrade`: the render goes on and ends with its film.

The images of this node were loaded into it and no registry has them, so that the render is planned again with the other
engine. Its film is the same to the byte, since the engines only differ in a font that the page does not use.

It takes two minutes, most of them for helm and a third image, so it is a target of its own: make e2e-upgrade.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.engine import Engine
from tests.e2e import release
from tests.e2e.cluster import Cluster
from tests.e2e.containers import eventually
from tests.e2e.films import completed, render_job

pytestmark = pytest.mark.skipif("HELIOS_UPGRADE" not in os.environ, reason="takes two minutes: make e2e-upgrade")
NEXT = "helios-worker:next"


@pytest.fixture
def next_image(cluster: Cluster, engine: Engine, worker_image: str, tmp_path: Path) -> str:
    """The worker's image with one more file among its fonts: it stands for any newer image."""
    (tmp_path / "extra.ttf").write_bytes(b"one more")
    (tmp_path / "Dockerfile").write_text(
        f"FROM {worker_image}\nUSER root\nCOPY extra.ttf /usr/share/fonts/truetype/extra.ttf\nUSER 10001\n"
    )
    engine.show("build", "--quiet", f"--tag={NEXT}", tmp_path)
    cluster.load(NEXT)
    return NEXT


@pytest.fixture
def upgraded(cluster: Cluster, operator: None) -> Iterator[None]:
    """The release is as before for the tests that follow."""
    yield
    release.install(cluster)


@pytest.mark.usefixtures("upgraded")
def test_an_upgrade_in_the_middle_of_a_render(cluster: Cluster, namespace: str, next_image: str, film_by_hand: str):
    cluster.apply(render_job(namespace, "teaser", frames=72, execution={"parallelism": 1}))
    query = ("renderjob/teaser", "-n", namespace, "-o", "jsonpath={.status.chunks.done}")
    eventually(lambda: int(cluster.kubectl("get", *query) or 0) >= 1, "a chunk is done")
    release.install(cluster, **{"image.worker": next_image})
    status = completed(cluster, namespace, "teaser")
    assert status["failures"] == 0
    assert status["replans"]["count"] == 1
    assert len(status["replans"]["images"]) == 2
    assert status["output"]["sha256"] == film_by_hand
