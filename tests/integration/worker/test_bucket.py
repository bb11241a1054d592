"""The same promises in buckets: what tests/unit/worker/test_store.py says of a folder, and a film from end to end.

S3 is versitygw and Azure is Azurite, real servers both; Google's is a stand-in that says what it cannot show. What
goes wrong on the way to a bucket is in test_store_faults.py.
"""

import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import count
from pathlib import Path

import orjson
import pytest

from helios_crds.wire import ExitCode, Payload, Stage
from helios_worker.artifacts.links import signed_url
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.errors import UserError
from helios_worker.runtime import WorkerRuntime
from tests.clouds.azure_server import azure_environment, azure_server
from tests.clouds.gcs_server import gcs_server
from tests.clouds.s3_server import BUCKET, s3_environment, s3_server
from tests.integration.worker.project import MOVING, page_request
from tests.unit.worker.test_store import (  # collected again, with this module's store
    test_an_object_as_a_file,
    test_content_lies_under_its_own_digest,
    test_content_of_another_length_is_written_again,
    test_create_makes_only_what_is_not_there,
    test_keys_under_a_prefix,
    test_many_that_take_one_object_at_once_all_get_it_whole,
    test_of_forty_that_create_one_wins,
    test_put_replaces_and_delete_removes,
    test_what_is_no_json_is_named_with_its_size,
    test_what_is_not_there_is_none,
    test_what_is_put_is_got,
    test_what_is_there_already_and_ours_counts_as_created,
)

__all__ = [
    "test_an_object_as_a_file",
    "test_content_lies_under_its_own_digest",
    "test_content_of_another_length_is_written_again",
    "test_create_makes_only_what_is_not_there",
    "test_keys_under_a_prefix",
    "test_many_that_take_one_object_at_once_all_get_it_whole",
    "test_of_forty_that_create_one_wins",
    "test_put_replaces_and_delete_removes",
    "test_what_is_no_json_is_named_with_its_size",
    "test_what_is_not_there_is_none",
    "test_what_is_put_is_got",
    "test_what_is_there_already_and_ours_counts_as_created",
]

prefixes = count()


@contextmanager
def server(kind: str, folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A server of a kind: its bucket's URL, and what a client has in its environment."""
    if kind == "s3":
        with s3_server(folder / "buckets") as address:
            yield f"s3://{BUCKET}", s3_environment(address)
    elif kind == "gs":
        with gcs_server(folder) as google:
            yield f"gs://{BUCKET}", google.environment()
            assert google.strangers == []
    else:
        with azure_server(folder / "accounts") as address:
            yield f"az://{BUCKET}", azure_environment(address)


@pytest.fixture(scope="module", params=["s3", "gs", "az"])
def bucket(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A bucket on a server of this machine; its URL."""
    with (
        server(request.param, tmp_path_factory.mktemp("bucket")) as (url, variables),
        pytest.MonkeyPatch.context() as environment,
    ):
        for name, value in variables.items():
            environment.setenv(name, value)
        yield url


@pytest.fixture
def store(bucket: str) -> ArtifactStore:
    """A part of the bucket that no other test uses."""
    return ArtifactStore(f"{bucket}/tests/{next(prefixes)}")


def test_a_prefix_keeps_projects_apart(bucket: str):
    one, other = ArtifactStore(f"{bucket}/one"), ArtifactStore(f"{bucket}/one/more")
    one.put("key", b"1")
    other.put("key", b"2")
    assert (one.get("key"), other.get("key"), one.get("more/key")) == (b"1", b"2", b"2")


def test_large_content_comes_back_whole(store: ArtifactStore, tmp_path: Path):
    """Beyond one part of a multipart upload."""
    file = tmp_path / "film"
    file.write_bytes(os.urandom(30_000_000))
    key, _ = store.put_content("segments", file)
    copy = store.file(key, tmp_path)
    assert copy is not None
    assert copy.read_bytes() == file.read_bytes()


def test_a_listing_of_more_than_a_page_is_whole(store: ArtifactStore):
    for number in range(8):  # the stand-in gives three at a time
        store.put(f"many/{number}", b"%d" % number)
    assert [(entry.key, entry.size) for entry in store.entries("many/")] == [(f"many/{n}", 1) for n in range(8)]
    assert store.keys("") == store.keys("many/")


def test_a_link_gives_the_object_to_anybody(store: ArtifactStore, tmp_path: Path):
    film = tmp_path / "film.mp4"
    film.write_bytes(os.urandom(100_000))
    store.put("out/film-1.0_a.mp4", film, kind="video/mp4")
    with urllib.request.urlopen(signed_url(store.url, "out/film-1.0_a.mp4", timedelta(hours=1))) as answer:
        assert answer.read() == film.read_bytes()
        assert answer.headers["Content-Type"] == "video/mp4"


@pytest.mark.parametrize(
    "key", ["a film.mp4", "Über.mp4", "a+b&c=(1)'*.mp4", "50%.mp4", "50%20.mp4", "a#1.mp4", "a?.mp4"]
)
def test_a_link_works_or_is_not_given(store: ArtifactStore, key: str):
    store.put(key, b"film")
    link = None
    with suppress(UserError):
        link = signed_url(store.url, key, timedelta(hours=1))
    if link is None:
        assert not store.url.startswith("s3://")
        return
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == b"film"


def test_a_film_from_end_to_end(store: ArtifactStore, tmp_path: Path):
    asked = page_request(tmp_path / "page", MOVING, frames=12, output=f"{store.url}films/out.mp4")
    store.put("requests/1.json", orjson.dumps(asked))
    (tmp_path / "workspace").mkdir()
    worker = WorkerRuntime(tmp_path / "workspace", lanes=1)
    try:
        plan = worker.process(Payload(jobPath=f"{store.url}requests/1.json", stage=Stage.PLAN))
        assert plan.exitCode == ExitCode.DONE, plan.stderr
        assert plan.result is not None
        job = plan.result["jobPath"]
        for index in (0, 1):
            assert worker.run(job, index).exit_code == ExitCode.DONE
        stitch = worker.process(Payload(jobPath=job, stage=Stage.STITCH))
        assert stitch.exitCode == ExitCode.DONE, stitch.stderr
        assert stitch.result is not None
        assert store.size("films/out.mp4") == stitch.result["bytes"]
    finally:
        worker.close()
