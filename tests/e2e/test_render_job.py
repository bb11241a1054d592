"""A RenderJob that is applied becomes a film: the same bytes as `heliosctl render` makes in the same image."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.e2e.barcode_pages import CLICK_SECONDS
from tests.e2e.cluster import Cluster
from tests.e2e.films import FRAMES, UNIT, completed, film_of, numbers, render_job

CHUNKS = 6
FILM: dict[str, Any] = {"frames": FRAMES, "unit": UNIT, "chunking": {"frames": FRAMES // CHUNKS}}


@pytest.mark.usefixtures("operator")
def test_a_render_job_becomes_a_film(
    cluster: Cluster, namespace: str, worker_image: str, film_by_hand: str, tmp_path: Path
):
    cluster.apply(render_job(namespace, "teaser", **FILM))
    status = completed(cluster, namespace, "teaser")
    assert (status["phase"], status["progress"], status["chunkMap"]) == ("Complete", "100%", "#" * CHUNKS)
    assert status["output"]["url"] == f"file:///artifacts/out/{namespace}/teaser.mp4"

    film = film_of(cluster, namespace, worker_image, f"/artifacts/out/{namespace}/teaser.mp4", tmp_path)
    assert numbers(film) == list(range(FRAMES))
    assert status["output"]["sha256"] == film_by_hand
    assert status["output"]["sound"]["sources"] == 1
    with av.open(film) as container:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert np.abs(samples).argmax() / 48_000 == pytest.approx(CLICK_SECONDS, abs=0.001)

    # The same spec under another name renders no chunk again.
    cluster.apply(render_job(namespace, "again", **FILM))
    status = completed(cluster, namespace, "again")
    assert status["chunkMap"] == "=" * CHUNKS
    jobs = cluster.get("jobs", namespace, labelSelector="helios.video/stage=chunk")["items"]
    assert len(jobs) == CHUNKS, json.dumps([job["metadata"]["name"] for job in jobs])
