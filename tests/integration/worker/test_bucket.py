"""The same promises in a bucket: what tests/unit/worker/test_store.py says of a folder, and a film from end to end.

The server is versitygw over a folder, which scripts/s3-server.sh builds: a real one, with real conditional writes.
"""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import orjson
import pytest

from helios_crds.wire import ExitCode, Payload, Stage
from helios_worker.runtime import WorkerRuntime
from helios_worker.store import ArtifactStore, StoreError
from tests.integration.worker.project import MOVING, page_request, wait_until
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
BUCKET = "films"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextmanager
def s3_server(program: str, folder: Path) -> Iterator[str]:
    """A server of this machine with one bucket; its address. Its buckets are the folders in `folder`."""
    (folder / BUCKET).mkdir(parents=True)
    port = free_port()
    with (folder.parent / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [program, "--port", f"127.0.0.1:{port}", "--quiet", "posix", str(folder)],
            env={**os.environ, "ROOT_ACCESS_KEY": "tests", "ROOT_SECRET_KEY": "of-helios"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: answers(port) or server.poll() is not None, "the S3 server to answer")
        if server.poll() is not None:
            pytest.skip(f"the S3 server does not run here: {(folder.parent / 'server.log').read_text()[-300:]}")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.fixture(scope="module")
def bucket(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A bucket on a server of this machine; its URL."""
    found = subprocess.run([repository / "scripts" / "s3-server.sh", "path"], capture_output=True, text=True)
    if found.returncode:
        pytest.skip("no S3 server here: scripts/s3-server.sh builds one, given Go and the network")
    with (
        s3_server(found.stdout.strip(), tmp_path_factory.mktemp("s3") / "buckets") as address,
        pytest.MonkeyPatch.context() as environment,
    ):
        for name, value in {
            "AWS_ENDPOINT_URL": address,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": "of-helios",
            "AWS_REGION": "us-east-1",
        }.items():
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


def test_a_missing_bucket_is_named_without_its_xml(bucket: str):
    with pytest.raises(StoreError) as refused:
        ArtifactStore("s3://nobody/x").put("key", b"")
    assert "writing s3://nobody/x/key: " in str(refused.value)
    assert "404 Not Found" in str(refused.value)
    assert "<" not in str(refused.value)


def test_wrong_credentials_are_said_to_be_that(bucket: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "guessed")
    store = ArtifactStore(f"{bucket}/x")
    for refused in (lambda: store.put("key", b""), lambda: store.create("key", b""), lambda: store.get("key")):
        with pytest.raises(StoreError, match=r"s3://films/x/key: .*403 Forbidden") as error:
            refused()
        assert "<" not in str(error.value)
        assert "guessed" not in str(error.value)


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
