"""Blobs: bytes are proven before their first use, and bad ones make room for good ones."""

import os
from pathlib import Path

import pytest

from helios_worker.artifacts.blobs import Blobs, blob_key
from helios_worker.artifacts.digests import file_digest
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.errors import CorruptBlob


@pytest.fixture
def store(tmp_path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "store").as_uri())


@pytest.fixture
def digest(store: ArtifactStore, tmp_path: Path) -> str:
    (tmp_path / "logo.svg").write_text("<svg/>")
    _, found = store.put_content("blobs", tmp_path / "logo.svg")
    return found


async def test_a_blob_is_hashed_once(store, digest, tmp_path, monkeypatch):
    hashed: list[Path] = []

    def counted(path: Path) -> str:
        hashed.append(path)
        return file_digest(path)

    monkeypatch.setattr("helios_worker.artifacts.blobs.file_digest", counted)
    blobs = Blobs(tmp_path)
    files = {await blobs.file(store, digest, "logo.svg") for _ in range(5)}
    assert [file.read_text() for file in files] == ["<svg/>"]
    assert len(hashed) == 1


@pytest.mark.parametrize("before", [False, True], ids=["before its first use", "after its first use"])
async def test_an_altered_blob_is_named_and_removed(store, digest, tmp_path, before):
    blobs = Blobs(tmp_path)
    if before:
        await blobs.file(store, digest, "logo.svg")
    file = tmp_path / "store" / blob_key(digest)
    file.write_text("<SVG/>")
    os.utime(file, (1, 1))
    with pytest.raises(CorruptBlob, match=rf"logo.svg is altered \(6 bytes there\) .*{digest}; run the same render"):
        await blobs.file(store, digest, "logo.svg")
    assert not store.exists(blob_key(digest))
    assert store.put_content("blobs", tmp_path / "logo.svg")[1] == digest
    assert (await blobs.file(store, digest, "logo.svg")).read_text() == "<svg/>"


async def test_a_missing_blob_is_named(store, digest, tmp_path):
    store.delete(blob_key(digest))
    with pytest.raises(CorruptBlob, match=rf"logo.svg is missing in the artifacts: .*{digest}") as caught:
        await Blobs(tmp_path).file(store, digest, "logo.svg")
    assert caught.value.exit_code == 1


async def test_a_damaged_copy_is_fetched_again(tmp_path):
    """What a remote store's object is copied to, on a disk of this machine."""
    store = ArtifactStore("memory:///")
    (tmp_path / "logo.svg").write_text("<svg/>")
    key, digest = store.put_content("blobs", tmp_path / "logo.svg")
    blobs = Blobs(tmp_path)
    copy = await blobs.file(store, digest, "logo.svg")
    copy.write_text("<s")
    assert (await blobs.file(store, digest, "logo.svg")).read_text() == "<svg/>"
    store.put(key, b"<s")
    copy.unlink()
    with pytest.raises(CorruptBlob, match="altered"):
        await blobs.file(store, digest, "logo.svg")
    assert not store.exists(key)
    assert not copy.exists()


@pytest.mark.parametrize(("free", "kept"), [(1000, True), (5, False)])
async def test_copies_of_past_compositions_make_room(tmp_path, monkeypatch, free, kept):
    """A store that is no folder of this machine: there a copy is made."""
    store = ArtifactStore("memory:///")
    (tmp_path / "logo.svg").write_text("<svg/>")
    _, digest = store.put_content("blobs", tmp_path / "logo.svg")
    (tmp_path / "scratch").mkdir()
    blobs = Blobs(tmp_path / "scratch")
    copy = await blobs.file(store, digest, "logo.svg")
    (tmp_path / "scratch" / "profile").write_text("somebody else's")
    monkeypatch.setattr("helios_worker.artifacts.blobs.free_bytes", lambda path: free)
    blobs.make_room()
    assert copy.exists() is kept
    assert (tmp_path / "scratch" / "profile").exists()
    assert (await blobs.file(store, digest, "logo.svg")).read_text() == "<svg/>"
