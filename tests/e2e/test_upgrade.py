"""Other worker images by `helm upgrade`: in the middle of a render, and one that is not there.

The images of this node were loaded into it and no registry has them, so a render that meets another engine is planned
again. Its film is the same to the byte, since the engines only differ in a font that the page does not use.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e import release
from tests.e2e.cluster import Cluster
from tests.e2e.conftest import NEXT_IMAGE
from tests.e2e.containers import eventually, held_chunks
from tests.e2e.films import FRAMES, UNIT, change_execution, completed, condition, failed, render_job, says

MISSING_IMAGE = "helios.test/no-such-worker:1"
NO_RETRY: dict[str, Any] = {"retries": {"perChunk": 0}}


@pytest.fixture
def upgrade(cluster: Cluster, worker_image: str, operator: None) -> Iterator[Callable[[str], None]]:
    """Upgrades the release to a worker image. In the end it has the first one again."""
    now = worker_image

    def to(image: str) -> None:
        nonlocal now
        now = image
        release.install(cluster, **{"image.worker": image})

    yield to
    if now != worker_image:
        release.install(cluster)


def test_upgrades_while_renders_run(cluster, namespace, worker_image, upgrade, film_by_hand):
    """One after the other, since each upgrade takes its time."""
    an_upgrade_in_the_middle_of_a_chunk(cluster, namespace, upgrade, film_by_hand)
    an_image_that_is_not_there(cluster, namespace, upgrade)
    upgrade(worker_image)
    completed(cluster, namespace, "repaired")


def an_upgrade_in_the_middle_of_a_chunk(cluster, namespace, upgrade, film_by_hand):
    video, halves = {"frames": FRAMES, "unitFrames": UNIT}, {"frames": FRAMES // 2}
    cluster.apply(render_job(namespace, "teaser", video=video, chunking=halves, execution={"parallelism": 1}))
    ((_, held),) = held_chunks(cluster, namespace, "teaser", 1)
    upgrade(NEXT_IMAGE)
    held.release()
    change_execution(cluster, namespace, "teaser", parallelism=2)
    status = completed(cluster, namespace, "teaser")
    assert status["failures"] == 0
    assert status["replans"]["count"] == 1
    assert len(status["replans"]["images"]) == 2
    assert status["output"]["sha256"] == film_by_hand


def an_image_that_is_not_there(cluster, namespace, upgrade):
    """Nothing fails by itself: the pods wait until the image is there, or until their time is up."""
    upgrade(MISSING_IMAGE)
    cluster.apply(render_job(namespace, "doomed", execution=NO_RETRY), render_job(namespace, "repaired"))
    for name in ("doomed", "repaired"):
        told = says(cluster, namespace, name, f'ImagePullBackOff: Back-off pulling image "{MISSING_IMAGE}"')
        assert told.startswith("the composition is being planned; a pod is not starting: ")
        change_execution(cluster, namespace, name, startTimeout="1s")
    reason, message = condition(failed(cluster, namespace, "doomed"), "Failed")
    assert reason == "RetriesExhausted"
    assert "the pod did not start within 1s: " in message
    assert MISSING_IMAGE in message
    assert "ErrImagePull" in message
    eventually(lambda: cluster.get("renderjobs", namespace, "repaired")["status"]["retries"], "a retry")
    change_execution(cluster, namespace, "repaired", startTimeout="10m")
