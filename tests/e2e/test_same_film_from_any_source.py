"""A composition comes from where its author keeps it: the same film from each place, to the byte."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.settings import NODE_ADDRESS
from tests.e2e.barcode_pages import flat_files, one_file
from tests.e2e.cluster import Cluster
from tests.e2e.films import completed, film_of, numbers, render_job
from tests.e2e.pods import shell_job

FILES = flat_files("canvas-raf.html")
FOLDER = "/artifacts/pages/barcode"
ONE_CHUNK: dict[str, Any] = {"chunking": {"frames": 12}}
LAY_OUT = f"mkdir -p {FOLDER} && cp -L /input/* {FOLDER}/"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A folder on the web, at an address that pods reach."""
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer((NODE_ADDRESS, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{NODE_ADDRESS}:{server.server_port}"
        finally:
            server.shutdown()


@pytest.mark.usefixtures("operator", "kubelet")
def test_the_film_is_the_same_from_any_source(cluster: Cluster, namespace: str, worker_image: str, tmp_path: Path):
    page = tmp_path / "page"
    page.mkdir()
    for name, text in FILES.items():
        (page / name).write_text(text)
    files = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "barcode", "namespace": namespace},
        "data": FILES,
    }
    lay_out = shell_job(
        namespace, "lay-out", worker_image, LAY_OUT, claim="helios-artifacts", mount="/artifacts", files="barcode"
    )
    with served(page) as address:
        cluster.apply(
            files,
            lay_out,
            render_job(namespace, "inline", page=one_file("canvas-raf.html"), **ONE_CHUNK),
            render_job(namespace, "config-map", composition={"configMap": {"name": "barcode"}}, **ONE_CHUNK),
            render_job(namespace, "web", composition={"url": f"{address}/index.html"}, **ONE_CHUNK),
        )
        planned = "--for=condition=Planned"
        cluster.kubectl("wait", "-n", namespace, planned, "renderjob/web", "--timeout=120s")
    # The web page is gone now: the chunks show what the plan saw.
    assert cluster.finished_pod(namespace, "lay-out")["status"]["phase"] == "Succeeded"
    cluster.apply(render_job(namespace, "folder", composition={"url": f"file://{FOLDER}"}, **ONE_CHUNK))
    films = {
        name: completed(cluster, namespace, name)["output"]["sha256"]
        for name in ("inline", "config-map", "web", "folder")
    }
    assert len(set(films.values())) == 1, films
    film = film_of(cluster, namespace, worker_image, f"/artifacts/out/{namespace}/config-map.mp4", tmp_path)
    assert numbers(film) == list(range(12))
