"""Locks: one driver per job, and no clean-up while a plan is made.

A second driver of the same job waits, and then finds the chunks of the first.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import local_path

POLL_SECONDS = 0.2


@asynccontextmanager
async def job_lock(store: ArtifactStore, job_id: str, say: Callable[[str], None]) -> AsyncIterator[None]:
    """Holds jobs/<id>/driver.lock of a local store; it ends with this process, however that ends.

    In a bucket there is no such lock: two drivers render side by side, and the first commit of a chunk wins.
    """
    path = lock_path(store, job_id)
    if path is None:
        yield
        return
    handle = _open(path)
    try:
        if not _try(handle):
            pid = os.pread(handle, 20, 0).decode(errors="replace").strip()
            who = f"another heliosctl (pid {pid})" if pid else "another heliosctl"
            say(f"{who} is rendering this job; waiting for it, then using its chunks")
            while not _try(handle):  # noqa: ASYNC110 - nothing tells of a lock that is given up
                await asyncio.sleep(POLL_SECONDS)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


@asynccontextmanager
async def planning(store: ArtifactStore) -> AsyncIterator[None]:
    """Held while a plan is made: no job names its objects yet, so a clean-up must wait."""
    handle = _store_lock(store)
    try:
        while handle is not None and not _try(handle, fcntl.LOCK_SH):  # noqa: ASYNC110 - as above
            await asyncio.sleep(POLL_SECONDS)
        yield
    finally:
        if handle is not None:
            os.close(handle)


@contextmanager
def sweeping(store: ArtifactStore) -> Iterator[None]:
    """Held while unnamed artifacts are removed; waits for plans in progress."""
    handle = _store_lock(store)
    try:
        if handle is not None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _store_lock(store: ArtifactStore) -> int | None:
    root = local_path(store.url)
    return None if root is None else _open(root / "planning.lock")


def held_by(store: ArtifactStore, job_id: str) -> str | None:
    """The pid of the process that renders a job now; None if there is none or the store has no locks."""
    path = lock_path(store, job_id)
    if path is None or not path.exists():
        return None
    handle = _open(path)
    try:
        return None if _try(handle) else os.pread(handle, 20, 0).decode(errors="replace").strip() or "unknown"
    finally:
        os.close(handle)


def lock_path(store: ArtifactStore, job_id: str) -> Path | None:
    """Path of a job's lock; None if the store is not a folder."""
    root = local_path(store.url)
    return None if root is None else root / "jobs" / job_id / "driver.lock"


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _try(handle: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
