"""The artifact store: the same promises in a folder and in memory. Buckets are in tests/integration/worker."""

import hashlib
import resource
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from helios_worker.artifacts.digests import file_digest, json_digest
from helios_worker.artifacts.errors import StoreError, explain
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import local_path, split_url
from helios_worker.errors import CorruptArtifact, ResourceError, UserError


@pytest.fixture(params=["file", "memory"])
def store(request, tmp_path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "a store").as_uri() if request.param == "file" else "memory:///")


@pytest.mark.parametrize("key", ["a", "jobs/1/job.json", "a/b/c/d/e.bin", "with space/ü%20#?.txt", "UPPER/.hidden"])
def test_what_is_put_is_got(store, key):
    store.put(key, b"bytes")
    assert store.get(key) == b"bytes"
    assert store.size(key) == 5
    assert store.exists(key)


def test_what_is_not_there_is_none(store, tmp_path):
    assert store.get("no/such") is None
    assert store.get_json("no/such") is None
    assert store.size("no/such") is None
    assert not store.exists("no/such")
    assert store.file("no/such", tmp_path) is None
    assert store.keys("no/") == []
    store.delete("no/such")


def test_put_replaces_and_delete_removes(store):
    store.put("key", b"one")
    store.put("key", b"two")
    assert store.get("key") == b"two"
    store.delete("key")
    assert store.get("key") is None


def test_create_makes_only_what_is_not_there(store):
    assert store.create("chunks/1.json", b"first")
    assert not store.create("chunks/1.json", b"second")
    assert store.get("chunks/1.json") == b"first"
    store.delete("chunks/1.json")
    assert store.create("chunks/1.json", b"third")


def test_what_is_there_already_and_ours_counts_as_created(store):
    """As after an answer that was lost: a retry finds its own object in the way."""
    assert store.create("chunks/1.json", b"ours")
    assert store.create("chunks/1.json", b"ours")


def test_of_forty_that_create_one_wins(store):
    with ThreadPoolExecutor(40) as threads:
        won = list(threads.map(lambda n: store.create("chunks/1.json", b"%d" % n * 10_000), range(40)))
    assert won.count(True) == 1
    assert store.get("chunks/1.json") == b"%d" % won.index(True) * 10_000


def test_keys_under_a_prefix(store):
    for key in ("jobs/1/job.json", "jobs/2/job.json", "jobs2/3", "chunks/1"):
        store.put(key, b"")
    assert sorted(store.keys("jobs/")) == ["jobs/1/job.json", "jobs/2/job.json"]


@pytest.mark.parametrize("data", [b"", b"{", b'{"a": 1', b"\xff\xfe", b"nul"])
def test_what_is_no_json_is_named_with_its_size(store, data):
    store.put("chunks/1.json", data)
    with pytest.raises(CorruptArtifact, match=rf"chunks/1.json is not JSON \({len(data)} bytes\)"):
        store.get_json("chunks/1.json")


def test_content_lies_under_its_own_digest(store, tmp_path):
    file = tmp_path / "film.mp4"
    file.write_bytes(b"video")
    key, digest = store.put_content("segments", file, suffix=".mp4")
    assert digest == hashlib.sha256(b"video").hexdigest()
    assert key == f"segments/{digest}.mp4"
    assert store.get(key) == b"video"
    assert store.put_content("segments", file, suffix=".mp4") == (key, digest)


def test_content_of_another_length_is_written_again(store, tmp_path):
    """What a killed writer left, on a store that shows half an object."""
    file = tmp_path / "film.mp4"
    file.write_bytes(b"video")
    key, _ = store.put_content("segments", file)
    store.put(key, b"vid")
    store.put_content("segments", file)
    assert store.get(key) == b"video"


def test_an_object_as_a_file(store, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    store.put("segments/1.mp4", b"video" * 500_000)
    file = store.file("segments/1.mp4", scratch)
    assert file is not None
    assert file.read_bytes() == b"video" * 500_000
    assert store.file("segments/1.mp4", scratch) == file
    assert not [path for path in scratch.iterdir() if "partial" in path.name]


def test_many_that_take_one_object_at_once_all_get_it_whole(store, tmp_path):
    """As a browser does that asks for one picture several times."""
    data = bytes(range(256)) * 20_000
    store.put("blobs/1", data)
    with ThreadPoolExecutor(16) as threads:
        files = list(threads.map(lambda _: store.file("blobs/1", tmp_path), range(64)))
    assert {file.read_bytes() == data for file in files if file is not None} == {True}
    assert None not in files
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] in ([], ["blobs_1"])


@pytest.mark.parametrize("key", ["../outside", "a/../../outside", "/etc/hostname"])
def test_no_key_leads_out_of_the_folder(tmp_path, key):
    (tmp_path / "outside").write_bytes(b"secret")
    store = ArtifactStore((tmp_path / "store").as_uri())
    try:
        assert store.get(key) is None
        assert store.file(key, tmp_path) is None
    except StoreError:
        pass


def test_two_stores_of_one_folder_see_each_other(tmp_path):
    ArtifactStore(tmp_path.as_uri()).put("key", b"here")
    assert ArtifactStore(f"{tmp_path.as_uri()}/").get("key") == b"here"
    assert ArtifactStore(str(tmp_path)).get("key") == b"here"


def test_a_folder_is_made_when_the_store_is_opened(tmp_path):
    ArtifactStore((tmp_path / "a/b/c").as_uri())
    assert (tmp_path / "a/b/c").is_dir()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"artifact folder .*file/store cannot be made: .*artifacts.url"):
        ArtifactStore((tmp_path / "file/store").as_uri())


@pytest.mark.parametrize("url", ["ftp://host/store", "s4://bucket/x", "http://[broken"])
def test_a_url_that_is_no_store_is_the_users_to_mend(url):
    with pytest.raises(UserError, match=r"is not the address of a store: .*name a folder, or a bucket"):
        ArtifactStore(url)


def test_a_store_that_refuses_says_so(tmp_path):
    store = ArtifactStore(tmp_path.as_uri())
    (tmp_path / "jobs").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match=r"writing file://.*jobs/1: .*may be written to"):
        store.put("jobs/1", b"x")


@contextmanager
def files_no_larger_than(limit: int) -> Iterator[None]:
    """What a full disk is to one process: every write beyond fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_an_object_that_cannot_be_written_whole_is_not_there(tmp_path):
    store = ArtifactStore(tmp_path.as_uri())
    with files_no_larger_than(1000), pytest.raises(StoreError, match=r"segments/1.*may be written to"):
        store.put("segments/1", b"x" * 5000)
    assert store.get("segments/1") is None
    assert store.keys("segments/") == []


@pytest.mark.parametrize("text", ["No space left on device (os error 28)", "Quota exceeded (os error 122)"])
def test_a_full_disk_is_exhaustion(text):
    error = explain("writing x", OSError(f"Generic LocalFileSystem error: {text}\n\nDebug source: …"))
    assert isinstance(error, ResourceError)
    assert str(error) == "writing x: the disk is full; free some space and run the same command again"


@pytest.mark.parametrize(
    ("url", "marker", "parts"),
    [
        ("file:///store/jobs/1/job.json", "jobs/", ("file:///store/", "jobs/1/job.json")),
        ("s3://bucket/a/b/jobs/1/job.json", "jobs/", ("s3://bucket/a/b/", "jobs/1/job.json")),
        ("file:///jobs/jobs/1/job.json", "jobs/", ("file:///jobs/", "jobs/1/job.json")),
        ("file:///my/requests/x/requests/1.json", "requests/", ("file:///my/requests/x/", "requests/1.json")),
    ],
)
def test_a_url_is_a_store_and_a_key(url, marker, parts):
    assert split_url(url, marker) == parts


def test_local_paths():
    assert local_path("file:///a%20b/c") == Path("/a b/c")
    assert local_path("a/b") == Path("a/b").absolute()
    assert local_path("s3://a/b") is None


def test_digests(tmp_path):
    (tmp_path / "f").write_bytes(b"x" * 3_000_000)
    assert file_digest(tmp_path / "f") == hashlib.sha256(b"x" * 3_000_000).hexdigest()
    assert json_digest({"b": 1, "a": [1]}) == json_digest({"a": [1], "b": 1}) != json_digest({"a": [1], "b": 2})
