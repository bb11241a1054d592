"""One planned film for all, and one warm function and service for each module."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from helios_crds.wire import ExitCode, Payload, Stage
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.runtime import WorkerRuntime
from tests.integration.entrypoints.functions import Film, Lambda, Service, aws_lambda, service
from tests.integration.worker.project import MOVING, RESTLESS, page_request
from tests.ports import free_port


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    """A film and its digest, by a worker of this process."""
    folder = tmp_path_factory.mktemp("film")
    (folder / "workspace").mkdir()
    store = ArtifactStore((folder / "store").as_uri())
    worker = WorkerRuntime(folder / "workspace", lanes=1)

    def planned(name: str, body: str, frames: int, chunk: int, **changes: Any) -> str:
        output = str(folder / f"{name}.mp4")
        asked = page_request(folder / name, body, frames=frames, chunk=chunk, output=output, **changes)
        store.put(f"requests/{name}.json", orjson.dumps(asked))
        reply = worker.process(Payload(jobPath=f"{store.url}requests/{name}.json", stage=Stage.PLAN))
        assert reply.exitCode == ExitCode.DONE, reply.stderr
        assert reply.result is not None
        return str(reply.result["jobPath"])

    try:
        job = planned("short", MOVING, 12, 6)
        slow = planned("slow", RESTLESS, 9000, 9000)
        impatient = planned("impatient", RESTLESS, 120, 120, frameTimeout=3.0)
        steady = planned("steady", RESTLESS, 1200, 1200)
        result = worker.run(job, 1).result
        assert result is not None
        return Film(
            store=store,
            folder=folder / "store",
            request=f"{store.url}requests/short.json",
            job=job,
            sha256=result["sha256"],
            slow=slow,
            impatient=impatient,
            steady=steady,
        )
    finally:
        worker.close()


@pytest.fixture(scope="module")
def warm_function(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lambda]:
    with aws_lambda(tmp_path_factory.mktemp("lambda")) as found:
        found.invoke(None)  # it has started
        yield found


@pytest.fixture
def function(warm_function: Lambda, film: Film) -> Iterator[Lambda]:
    """A function that outlives the test: it runs, renders right and left nothing behind."""
    yield warm_function
    film.is_rendered_by(warm_function.ask)
    warm_function.is_tidy()


@pytest.fixture(scope="module")
def warm_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("service"), port=free_port()) as found:
        yield found


@pytest.fixture
def served(warm_service: Service, film: Film) -> Iterator[Service]:
    """A service that outlives the test: it runs, renders right and left nothing behind."""
    yield warm_service
    assert warm_service.request("GET", "/healthz", kind=None) == (200, {"places": 1, "free": 1})
    film.is_rendered_by(warm_service.ask)
    warm_service.is_tidy()
