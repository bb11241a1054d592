"""Folders that are made once and found again by what they were made from.

A folder is made beside its place under a lock and renamed into it when it is complete, so two processes that
want the same one make it once, and one that is killed half-way leaves nothing that looks finished.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.settings import cache_root


def digest(*parts: str | bytes) -> str:
    """A name for the content that follows from `parts`, in their order: 16 hexadecimal digits."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(len(data).to_bytes(8, "big") + data)
    return whole.hexdigest()[:16]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock at `path`, waiting for it as long as it takes. It ends with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def made_once(key: str, make: Callable[[Path], None]) -> Path:
    """The folder for `key`; `make` fills an empty one when there is none yet.

    Raises what `make` raises; nothing is kept then.
    """
    place = cache_root() / key
    if place.is_dir():
        return place
    with locked(cache_root() / f"{key}.lock"):
        if place.is_dir():
            return place
        draft = cache_root() / f"{key}.draft"
        shutil.rmtree(draft, ignore_errors=True)  # of one that was killed: the lock is ours
        draft.mkdir(parents=True)
        try:
            make(draft)
            os.rename(draft, place)  # noqa: PTH104 - says what it is: atomic, on one file system
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return place
