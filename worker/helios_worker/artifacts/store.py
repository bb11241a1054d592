"""The artifact store: objects by key, in a folder or a bucket, with commits that only the first can make.

One class over obstore, by the URL's scheme: file, s3, gs, az, memory. Content is stored under its own SHA-256, so
storing it twice is harmless. A commit is a put-if-absent, so the first valid one wins.
"""

import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
import orjson
from obstore.exceptions import AlreadyExistsError, PermissionDeniedError, PreconditionError

from helios_crds.remedies import setting
from helios_worker.artifacts.access import StoreTimeouts, open_store
from helios_worker.artifacts.digests import file_digest
from helios_worker.artifacts.errors import StoreError, StoreResponse, explain
from helios_worker.artifacts.retry import ask, insist, tries
from helios_worker.artifacts.urls import local_path
from helios_worker.errors import CorruptArtifact, HeliosError

if TYPE_CHECKING:
    from obstore import GetResult

PART_BYTES, MAX_PARTS, PARALLEL_PARTS = 5 << 20, 9_000, 3
"""Limits of a multipart upload. Parts are small, and few are sent at once: obstore's stall limit also runs while a part
is being sent, and a line of 2 Mbit/s sends three of these within the minute that StoreTimeouts allows."""


@dataclass(frozen=True)
class Entry:
    """An object in a listing. size in bytes. tag: changes with the content; "" where the store gives none."""

    key: str
    size: int
    modified: datetime
    tag: str = ""


class ArtifactStore:
    """Objects under one URL. Calls block: from a coroutine, use asyncio.to_thread."""

    def __init__(self, url: str, *, timeouts: StoreTimeouts | None = None) -> None:
        """Opens a store; a local folder is made if need be.

        url: file:///folder, s3://bucket/prefix, gs://…, az://…, or memory:///.
        timeouts: by default the environment's.
        """
        self.url = url if url.endswith("/") else f"{url}/"
        local = local_path(self.url)
        if local is not None:
            _make_folder(local)
        self._local = local
        self._timeouts = timeouts or StoreTimeouts.of(os.environ)
        self._store = open_store(local.as_uri() if local is not None else self.url, self._timeouts)

    def get(self, key: str) -> bytes | None:
        """An object's bytes, or None where there is none."""
        return ask(f"reading {self.url}{key}", lambda: bytes(obstore.get(self._store, key).bytes()))

    def get_json(self, key: str) -> Any | None:
        """A JSON object, or None where there is none.

        Raises:
            CorruptArtifact: the object is not JSON.
        """
        data = self.get(key)
        if data is None:
            return None
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise CorruptArtifact(f"{self.url}{key} is not JSON ({len(data)} bytes): {error}") from error

    def put(self, key: str, data: bytes | Path, *, kind: str = "") -> None:
        """Writes an object, whole or not at all.

        kind: media type that a bucket sends with the object.
        """
        size = data.stat().st_size if isinstance(data, Path) else len(data)

        def write() -> None:
            obstore.put(
                self._store,
                key,
                data,
                attributes={"Content-Type": kind} if kind and self._local is None else None,
                chunk_size=max(PART_BYTES, size // MAX_PARTS + 1),
                max_concurrency=PARALLEL_PARTS,
            )
            if self._local is None and isinstance(data, Path):
                self._check_size(key, size)

        insist(f"writing {self.url}{key}", write)

    def _check_size(self, key: str, size: int) -> None:
        try:
            there = self._size(key)
        except PermissionDeniedError:  # an identity that may only write cannot check
            return
        if there != size:
            raise StoreError(
                f"writing {self.url}{key}: {size} bytes were sent, {there} are there", remedy="run the same again"
            )

    def create(self, key: str, data: bytes) -> bool:
        """Writes an object only if there is none. False: there is another one.

        After a lost response the object that exists may be the one that this call wrote. The answer is then True.
        """
        doing = f"creating {self.url}{key}"
        started = time.monotonic()
        for is_last in tries():
            fault: HeliosError = StoreError(
                f"{doing}: others keep creating and removing it", remedy="run the same again later"
            )
            try:
                obstore.put(self._store, key, data, mode="create", use_multipart=False)
                return True
            except (AlreadyExistsError, PreconditionError):
                pass
            except Exception as error:
                fault = explain(doing, error)
                response = StoreResponse.of(error)
                if not (response.is_passing or response.is_lost):
                    raise fault from None
            there = self.get(key)
            if there is not None:
                return there == data
            if is_last or time.monotonic() - started > self._timeouts.retry:
                break
        raise fault

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        return self.size(key) is not None

    def size(self, key: str) -> int | None:
        """An object's bytes, or None where there is none."""
        return ask(f"looking for {self.url}{key}", lambda: self._size(key))

    def _size(self, key: str) -> int | None:
        return int(obstore.head(self._store, key)["size"])

    def delete(self, key: str) -> None:
        """Removes an object; one that is gone already is no error."""
        ask(f"removing {self.url}{key}", lambda: obstore.delete(self._store, key))

    def keys(self, prefix: str) -> list[str]:
        """The keys under a prefix that ends in a slash."""
        return [entry.key for entry in self.entries(prefix)]

    def entries(self, prefix: str, *, limit: int | None = None) -> list[Entry]:
        """The objects under a prefix that ends in a slash; "" for all.

        limit: stops listing after about so many.
        """

        def read() -> list[Entry]:
            entries: list[Entry] = []
            for batch in obstore.list(self._store, prefix or None):
                entries += [
                    Entry(each["path"], each["size"], each["last_modified"], each["e_tag"] or "") for each in batch
                ]
                if limit is not None and len(entries) >= limit:
                    break
            return entries

        return ask(f"listing {self.url}{prefix}", read) or []

    def put_content(self, folder: str, path: Path, *, suffix: str = "", digest: str | None = None) -> tuple[str, str]:
        """Stores a file under its own SHA-256.

        Returns:
            Its key, `folder/<sha256><suffix>`, and the digest.
        """
        digest = digest or file_digest(path)
        key = f"{folder}/{digest}{suffix}"
        if self.size(key) != path.stat().st_size:
            self.put(key, path)
        return key, digest

    def file(self, key: str, scratch: Path) -> Path | None:
        """An object as a local file, to be read only: the store's own where it has one, else a copy in `scratch`."""
        if self._local is not None:
            path = self._local / key.lstrip("/")
            return path if path.is_file() and ".." not in key.split("/") else None
        copy = scratch / key.replace("/", "_")
        return copy if copy.is_file() or self.fetch(key, copy) else None

    def fetch(self, key: str, copy: Path, *, tag: str = "") -> bool:
        """Writes an object to a file, whole or not at all. False: there is none.

        tag: of the expected content, from a listing; content with another tag is an error.
        """
        doing = f"reading {self.url}{key}"

        def read() -> bool:
            response = obstore.get(self._store, key)
            there = response.meta["e_tag"]
            if tag and there and there != tag:
                raise StoreError(f"{doing}: it changed meanwhile", remedy="run it again when nothing writes there")
            save(response, copy, doing)
            return True

        return bool(ask(doing, read))


def save(response: "GetResult", copy: Path, doing: str) -> None:
    """Writes a response to a file, whole or not at all. Several callers may fetch the same file at once."""
    size = response.meta["size"]
    with tempfile.NamedTemporaryFile(dir=copy.parent, prefix=".fetched-", delete=False) as file:
        partial = Path(file.name)
        try:
            for block in response:
                file.write(block)
            file.close()
            if (written := partial.stat().st_size) != size:
                raise StoreError(f"{doing}: only {written} of {size} bytes came", remedy="run the same again")
            partial.replace(copy)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the artifact folder {path} cannot be made: {error.strerror}",
            remedy=f"choose another one with {setting('artifacts.url')}",
        ) from error


def free_bytes(path: Path) -> int:
    """Free space on the file system of a path, in bytes."""
    return shutil.disk_usage(path).free
