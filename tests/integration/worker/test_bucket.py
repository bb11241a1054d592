"""The same promises in a bucket: what tests/unit/worker/test_store.py says of a folder, and a film from end to end.

The server is versitygw over a folder. What goes wrong on the way to it is in test_store_faults.py.
"""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import orjson
import pytest

from helios_crds.wire import ExitCode, Payload, Stage
from helios_worker.runtime import WorkerRuntime
from helios_worker.store import ArtifactStore
from tests.clouds.s3_server import BUCKET, s3_environment, s3_server
from tests.integration.worker.project import MOVING, page_request
from tests.unit.worker.test_store import (  # collected again, with this module's store
    test_an_object_as_a_file,
    test_content_lies_under_its_own_digest,
    test_content_of_another_length_is_written_again,
    test_create_makes_only_what_is_not_there,
    test_keys_under_a_prefix,
    test_of_forty_that_create_one_wins,
    test_put_replaces_and_delete_removes,
    test_what_is_no_json_is_named_with_its_size,
    test_what_is_not_there_is_none,
    test_what_is_put_is_got,
)

__all__ = [
    "test_an_object_as_a_file",
    "test_content_lies_under_its_own_digest",
    "test_content_of_another_length_is_written_again",
    "test_create_makes_only_what_is_not_there",
    "test_keys_under_a_prefix",
    "test_of_forty_that_create_one_wins",
    "test_put_replaces_and_delete_removes",
    "test_what_is_no_json_is_named_with_its_size",
    "test_what_is_not_there_is_none",
    "test_what_is_put_is_got",
]

prefixes = count()


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A bucket on a server of this machine; its URL."""
    with (
        s3_server(tmp_path_factory.mktemp("s3") / "buckets") as address,
        pytest.MonkeyPatch.context() as environment,
    ):
        for name, value in s3_environment(address).items():
            environment.setenv(name, value)
        yield f"s3://{BUCKET}"


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
