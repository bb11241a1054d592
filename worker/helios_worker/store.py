"""The artifact store: objects by key, in a folder or a bucket, with commits that only the first can make.

One class over obstore, by the URL's scheme: file, s3, gs, az, memory. Content is stored under its own
SHA-256, so storing it twice is harmless, and a commit is a put-if-absent, so the first valid one wins.
"""

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import obstore
import orjson
from obstore.exceptions import AlreadyExistsError
from obstore.store import ObjectStore, from_url

from helios_worker.errors import CorruptArtifact, HeliosError, ResourceError, UserError

READ_BYTES = 1 << 20


class StoreError(HeliosError):
    """The store cannot be reached or refuses; another attempt may succeed."""


@dataclass(frozen=True)
class Entry:
    """An object in a listing. size in bytes."""

    key: str
    size: int
    modified: datetime


class ArtifactStore:
    """Objects under one URL. Calls block: from a coroutine, use asyncio.to_thread."""

    def __init__(self, url: str) -> None:
        """Opens a store; a local folder is made if need be.

        url: file:///folder, s3://bucket/prefix, gs://…, az://…, or memory:///.
        """
        self.url = url.rstrip("/") + "/"
        local = local_path(self.url)
        if local is not None:
            _make_folder(local)
        self._local = local
        try:
            self._store: ObjectStore = from_url(local.as_uri() if local is not None else self.url)
        except Exception as error:
            raise UserError(
                f"{url} is no artifact store: {_first_line(error)}",
                remedy="name a folder, or a bucket by an address such as s3://bucket/prefix, gs://… or az://…",
            ) from error

    def get(self, key: str) -> bytes | None:
        """An object's bytes, or None where there is none."""
        try:
            return bytes(obstore.get(self._store, key).bytes())
        except FileNotFoundError:
            return None
        except Exception as error:
            raise _store_error(f"reading {self.url}{key}", error) from error

    def get_json(self, key: str) -> Any | None:
        """A JSON object, or None where there is none.

        Raises:
            CorruptArtifact: what is there is no JSON.
        """
        data = self.get(key)
        if data is None:
            return None
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise CorruptArtifact(f"{self.url}{key} is not JSON ({len(data)} bytes): {error}") from error

    def put(self, key: str, data: bytes | Path) -> None:
        """Writes an object, whole or not at all."""
        try:
            obstore.put(self._store, key, data)
        except Exception as error:
            raise _store_error(f"writing {self.url}{key}", error) from error

    def create(self, key: str, data: bytes) -> bool:
        """Writes an object only if there is none. False: somebody else's is there."""
        try:
            obstore.put(self._store, key, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
        except Exception as error:
            raise _store_error(f"creating {self.url}{key}", error) from error
        return True

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        return self.size(key) is not None

    def size(self, key: str) -> int | None:
        """An object's bytes, or None where there is none."""
        try:
            return int(obstore.head(self._store, key)["size"])
        except FileNotFoundError:
            return None
        except Exception as error:
            raise _store_error(f"looking for {self.url}{key}", error) from error

    def delete(self, key: str) -> None:
        """Removes an object; one that is gone already is no error."""
        try:
            obstore.delete(self._store, key)
        except FileNotFoundError:
            pass
        except Exception as error:
            raise _store_error(f"removing {self.url}{key}", error) from error

    def keys(self, prefix: str) -> list[str]:
        """The keys under a prefix that ends in a slash."""
        return [entry.key for entry in self.entries(prefix)]

    def entries(self, prefix: str) -> list[Entry]:
        """The objects under a prefix that ends in a slash."""
        try:
            return [
                Entry(found["path"], found["size"], found["last_modified"])
                for batch in obstore.list(self._store, prefix)
                for found in batch
            ]
        except FileNotFoundError:
            return []
        except Exception as error:
            raise _store_error(f"listing {self.url}{prefix}", error) from error

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
        if copy.is_file():
            return copy
        try:
            response = obstore.get(self._store, key)
            partial = copy.with_suffix(f".partial-{os.getpid()}")
            with partial.open("wb") as file:
                for block in response:
                    file.write(block)
            partial.replace(copy)
        except FileNotFoundError:
            return None
        except Exception as error:
            raise _store_error(f"reading {self.url}{key}", error) from error
        return copy


def split_url(url: str, marker: str) -> tuple[str, str]:
    """The store's URL and the key of an object whose key starts with `marker`, such as `jobs/`."""
    place = url.rfind(f"/{marker}")
    if place < 0:
        raise UserError(f"{url or 'nothing'} does not lie in an artifact store: there is no {marker} in it")
    return url[: place + 1], url[place + 1 :]


def local_path(url: str) -> Path | None:
    """The path of a file:// URL or of a plain path; None for any other scheme."""
    try:
        parts = urlsplit(url)
    except ValueError:  # http://[…
        return None
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if not parts.scheme:
        return Path(url).absolute()
    return None


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def json_digest(value: Any) -> str:
    """SHA-256 of a JSON value in its one canonical form: sorted keys, no spaces."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the artifact folder {path} cannot be made: {error.strerror}",
            remedy="choose another one with --artifacts",
        ) from error


def _store_error(doing: str, error: Exception) -> HeliosError:
    text = _first_line(error)
    if "os error 28" in text or "No space left" in text or "os error 122" in text:
        return ResourceError(f"{doing}: the disk is full", remedy="free some space and run the same command again")
    return StoreError(f"{doing}: {text}", remedy="check that the store is there and may be written to")


def _first_line(error: Exception) -> str:
    """What happened, without the library's own debug lines and the server's XML."""
    return re.split(r"\n\nDebug source|:? *<", str(error), maxsplit=1)[0].strip()


def free_bytes(path: Path) -> int:
    """Space left on the file system of a path, in bytes."""
    return shutil.disk_usage(path).free
