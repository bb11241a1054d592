"""The real image as Google Cloud Run runs it: HTTP on PORT, /tmp in memory, and ten seconds from SIGTERM to the end."""

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from time import sleep
from typing import Any

import pytest

from tests.cluster.engine import Engine
from tests.e2e.containers import eventually
from tests.e2e.functions.container import CHUNK, FRAMES, Container, ask_for, container, shows_every_frame
from tests.ports import free_port

CLOUD_RUN = ["--memory=1500m", "--memory-swap=1500m", "--tmpfs=/tmp:size=512m,mode=1777"]


class Service:
    """A service of one container."""

    def __init__(self, container: Container, port: int) -> None:
        self.container = container
        self._port = port

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        try:
            connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def done(self, **payload: Any) -> dict[str, Any]:
        """The result of a stage that must succeed."""
        status, body = self.request("POST", "/", payload)
        assert (status, body["exitCode"]) == (200, 0), body
        result: dict[str, Any] = body["result"]
        return result

    def listens(self) -> bool:
        with suppress(OSError):
            return self.request("GET", "/healthz")[0] == 200
        return False


@contextmanager
def service(engine: Engine, image: str, s3: dict[str, str], *arguments: str) -> Iterator[Service]:
    port = free_port()
    with container(engine, image, CLOUD_RUN, "serve", *arguments, PORT=str(port), **s3) as found:
        served = Service(found, port)
        try:
            eventually(served.listens, "the service to listen")
        except AssertionError as late:
            raise AssertionError(f"{late}: {found.state()}, it said {found.said!r}") from None
        yield served


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_film_by_so_many_requests_at_once(engine, image, s3, store, pages, tmp_path, concurrency):
    with service(engine, image, s3, "--concurrency", str(concurrency)) as served:
        chunks = {"chunking": {"frames": CHUNK // 2}, "video": {"frames": FRAMES, "unitFrames": CHUNK // 2}}
        planned = served.done(jobPath=ask_for(store, "film", f"{pages}/index.html", **chunks), stage="plan")
        with served.container.frozen():
            sleep(1)  # nobody asks
        payloads = [{"jobPath": planned["jobPath"], "chunkIndex": index} for index in range(planned["chunks"])]
        with ThreadPoolExecutor(concurrency) as clients:
            results = list(clients.map(lambda payload: served.done(**payload), payloads))
        assert [result["chunk"] for result in results] == [0, 1, 2, 3]
        served.done(jobPath=planned["jobPath"], stage="stitch")
        shows_every_frame(store, "film.mp4", tmp_path)


def test_told_to_stop_it_hands_its_chunk_back_in_time(engine, image, s3, store, pages):
    with service(engine, image, s3) as served:
        long = ask_for(store, "long", f"{pages}/index.html", video={"frames": 9000}, chunking={"count": 1})
        job = served.done(jobPath=long, stage="plan")["jobPath"]
        with ThreadPoolExecutor(1) as clients:
            waiting = clients.submit(served.request, "POST", "/", {"jobPath": job, "chunkIndex": 0})
            eventually(lambda: served.request("GET", "/healthz")[1]["free"] == 0, "the chunk to begin")
            assert served.request("POST", "/", {"jobPath": job, "chunkIndex": 0})[0] == 429
            served.container.engine("stop", "--time=10", served.container.name)
            status, body = waiting.result()
        assert (status, body["exitCode"]) == (200, 143)
        assert served.container.state() == ("exited", 0, False), "SIGKILL would be 137"
