"""Which places a worker may use, where its owner has said so."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from helios_crds.wire import ExitCode, Payload, Reply, Stage
from helios_worker.artifacts.allowed_stores import AllowedStores, StoreForbidden
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.jobs.identity import job_bytes
from helios_worker.jobs.layout import job_key
from helios_worker.runtime import WorkerRuntime
from tests.unit.worker import builders

MEDIA = AllowedStores(["s3://media/artifacts/", "gs://films", "file:///data"])


@pytest.mark.parametrize(
    "url",
    ["s3://media/artifacts", "s3://media/artifacts/a/b", "gs://films/", "gs://films/x", "file:///data/x", "/data/a b"],
)
def test_places_under_a_prefix(url):
    MEDIA.check(url, "the store")


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("s3://media/", id="above the prefix"),
        pytest.param("s3://media/artifacts-of-others/", id="a name that begins alike"),
        pytest.param("gs://films.example/x", id="a bucket that begins alike"),
        pytest.param("gs://films@evil/x", id="a user before the host"),
        pytest.param("s3://media/artifacts/../secrets/", id="steps up"),
        pytest.param("s3://media/artifacts/..", id="steps up at the end"),
        pytest.param("s3://media/artifacts/%2e%2e/secrets/", id="steps up in disguise"),
        pytest.param("s3://media/artifacts/.\t./secrets/", id="what a URL parser drops"),
        pytest.param("file:///data\\..\\etc", id="backslashes"),
        pytest.param("s3://media/artifacts/?endpoint=evil", id="a query"),
        pytest.param("S3://media/artifacts/", id="another spelling"),
        pytest.param(" s3://media/artifacts/", id="a space before it"),
        pytest.param("/etc/passwd", id="a file"),
        pytest.param("data/x", id="a file beside the worker"),
        pytest.param("memory:///", id="memory"),
        pytest.param("", id="nothing"),
    ],
)
def test_places_that_are_not(url):
    with pytest.raises(StoreForbidden, match=r"the store .* is not among the places that this worker may use"):
        MEDIA.check(url, "the store")


def test_web_pages_are_sources_for_anybody():
    MEDIA.check_source("https://example.com/page?x=%20")
    with pytest.raises(StoreForbidden, match="the source file:///etc"):
        MEDIA.check_source("file:///etc/passwd")


@pytest.mark.parametrize(
    ("environment", "allowed"),
    [
        pytest.param({}, True, id="not set: anywhere"),
        pytest.param({"HELIOS_ALLOWED_STORES": ""}, False, id="empty: nowhere"),
        pytest.param({"HELIOS_ALLOWED_STORES": "gs://a/, s3://media"}, True, id="one of two"),
        pytest.param({"HELIOS_ALLOWED_STORES": "gs://a/,,"}, False, id="another"),
    ],
)
def test_of_the_environment(environment, allowed):
    stores = AllowedStores.from_environment(environment)
    if allowed:
        stores.check("s3://media/x", "the store")
    else:
        with pytest.raises(StoreForbidden):
            stores.check("s3://media/x", "the store")


# -- the worker ----------------------------------------------------------------------------------------------


@pytest.fixture
def process(tmp_path: Path) -> Any:
    """Does a stage with a worker that may use tmp_path/mine. It refuses before it would start a browser."""
    worker = WorkerRuntime(tmp_path, lanes=1, allowed_stores=AllowedStores([(tmp_path / "mine").as_uri()]))
    yield worker.process
    worker.close()


def refused(reply: Reply) -> str:
    assert reply.exitCode == ExitCode.USER_ERROR
    assert reply.result is not None
    assert reply.result["error"] == "StoreForbidden"
    return reply.stderr


@pytest.mark.parametrize("stage", Stage)
def test_artifacts_of_others(process, tmp_path, stage):
    url = f"file://{tmp_path}/others/jobs/requests/1.json"
    assert "the artifact store file://" in refused(process(Payload(jobPath=url, chunkIndex=0, stage=stage)))
    assert not (tmp_path / "others").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"composition": {"url": "/etc/passwd"}}, "the source /etc/passwd"),
        ({"composition": {"url": "https://example.com/"}, "output": "s3://others/film.mp4"}, "the output s3://others"),
    ],
    ids=["source", "output"],
)
def test_requests_for_places_of_others(process, tmp_path, changes, said):
    store = ArtifactStore((tmp_path / "mine").as_uri())
    store.put("requests/1.json", orjson.dumps(changes))
    reply = process(Payload(jobPath=f"{store.url}requests/1.json", stage=Stage.PLAN))
    assert said in refused(reply)
    reply = process(Payload(jobPath=f"{store.url}requests/2.json", stage=Stage.PLAN, request=changes))
    assert said in refused(reply)
    assert not store.exists("requests/2.json")


def test_a_film_into_places_of_others(process, tmp_path):
    store = ArtifactStore((tmp_path / "mine").as_uri())
    job = builders.job(0, 60, output="s3://others/film.mp4")
    store.put(job_key(job.id), job_bytes(job))
    reply = process(Payload(jobPath=store.url + job_key(job.id), stage=Stage.STITCH))
    assert "the output s3://others/film.mp4" in refused(reply)
