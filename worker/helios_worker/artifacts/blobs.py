"""Local copies of the files of compositions, each checked against its hash before its first use.

A damaged blob would look like a mistake of the page: a missing picture, a script that does not parse. It is found
here first and removed from the store, so that the next plan stores it again.
"""

import asyncio
from pathlib import Path

from helios_worker.artifacts.digests import file_digest
from helios_worker.artifacts.store import ArtifactStore, free_bytes
from helios_worker.errors import CorruptBlob

BLOBS = "blobs"


def blob_key(digest: str) -> str:
    """The key of a blob with this SHA-256."""
    return f"{BLOBS}/{digest}"


class Blobs:
    """Blobs as local files. A file is hashed once, and again only when it has changed since.

    scratch: folder for copies from a remote store.
    """

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self._proven: dict[Path, tuple[int, int, int]] = {}

    async def file(self, store: ArtifactStore, digest: str, name: str) -> Path:
        """A blob's file, to be read only.

        name: what the composition calls it.

        Raises:
            CorruptBlob: it is missing, cannot be read, or has been altered.
        """
        return await asyncio.to_thread(self.path, store, digest, name)

    def make_room(self) -> None:
        """Removes all copies once they take more space than the folder's file system has left.

        Call it only when no copy is in use. Otherwise a warm worker would fill its folder with past compositions.
        """
        copies = list(self.scratch.glob(f"{BLOBS}_*"))
        if sum(copy.stat().st_size for copy in copies) > free_bytes(self.scratch):
            for copy in copies:
                copy.unlink()
                self._proven.pop(copy, None)

    def path(self, store: ArtifactStore, digest: str, name: str) -> Path:
        """As `file`, for a caller in a thread."""
        key, damage = blob_key(digest), ""
        for _ in range(2):  # a copy may be bad where the object is not
            file = store.file(key, self.scratch)
            if file is None:
                break
            try:
                identity = _identity(file)
                if self._proven.get(file) == identity or file_digest(file) == digest:
                    self._proven[file] = identity
                    return file
                damage = f"altered ({identity[1]} bytes there)"
                file.unlink(missing_ok=True)
            except FileNotFoundError:
                break
            except OSError as error:
                raise CorruptBlob(name, store.url + key, f"unreadable: {error.strerror}") from error
        if damage:
            store.delete(key)
        raise CorruptBlob(name, store.url + key, damage or "missing")


def _identity(file: Path) -> tuple[int, int, int]:
    status = file.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
