"""Snapshots: a composition's files, content-addressed, so that every chunk sees the same bytes.

A snapshot is a small JSON object, `snapshots/<digest>.json`, that names each file's SHA-256; the bytes are
under `blobs/`. Files that several compositions share are stored once.
"""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict

from helios_worker.capture.site import Locate
from helios_worker.errors import CorruptArtifact, UserError
from helios_worker.store import ArtifactStore, file_digest, json_digest

MAX_FILES = 20_000
MAX_BYTES = 4 << 30
SKIPPED_FOLDERS = frozenset({"__pycache__"})


class Snapshot(BaseModel):
    """entry: the page's path within. files: SHA-256 by path."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entry: str
    files: dict[str, str]

    @property
    def digest(self) -> str:
        """Of everything in it."""
        return json_digest(self.model_dump())

    @property
    def key(self) -> str:
        """Where it is in a store."""
        return f"snapshots/{self.digest}.json"


def take_snapshot(store: ArtifactStore, page: Path, *, exclude: frozenset[Path] = frozenset()) -> Snapshot:
    """Stores a page with the folder around it.

    page: the page's file. exclude: files and folders that are no part of it, such as the output.

    Hidden files are left out. Symbolic links are followed within the folder only.

    Raises:
        UserError: the page is missing, or its folder holds more than a composition should.
    """
    if not page.is_file():
        raise UserError(f"there is no page {page}", remedy="name an HTML file, or a folder with an index.html")
    root = page.parent.resolve()
    files: dict[str, str] = {}
    total = 0
    for path in _walk(root, {item.resolve() for item in exclude}):
        total += path.stat().st_size
        if len(files) >= MAX_FILES or total > MAX_BYTES:
            raise UserError(
                f"{root} holds more than {MAX_FILES} files or {MAX_BYTES >> 30} GiB, too much for a composition",
                remedy="put the page and what it uses into a folder of its own",
            )
        digest = file_digest(path)
        store.put_content("blobs", path, digest=digest)
        files[path.relative_to(root).as_posix()] = digest
    snapshot = Snapshot(entry=page.name, files=dict(sorted(files.items())))
    store.put(snapshot.key, orjson.dumps(snapshot.model_dump()))
    return snapshot


def load_snapshot(store: ArtifactStore, digest: str) -> Snapshot:
    """Reads a snapshot back.

    Raises:
        CorruptArtifact: it is not in the store, or not what its name says.
    """
    found = store.get_json(f"snapshots/{digest}.json")
    if found is None:
        raise CorruptArtifact(f"the snapshot {digest} is not in {store.url}", remedy="plan the job again")
    snapshot = Snapshot.model_validate(found)
    if snapshot.digest != digest:
        raise CorruptArtifact(f"the snapshot {digest} in {store.url} has been altered", remedy="plan the job again")
    return snapshot


def locator(store: ArtifactStore, snapshot: Snapshot, scratch: Path) -> Locate:
    """Where a snapshot's files are on this machine, fetched when first asked for."""

    async def locate(path: str) -> Path | None:
        digest = snapshot.files.get(path) or snapshot.files.get(f"{path}/index.html".lstrip("/"))
        if digest is None:
            return None
        return await asyncio.to_thread(store.file, f"blobs/{digest}", scratch)

    return locate


def _walk(root: Path, exclude: set[Path]) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and name not in SKIPPED_FOLDERS and here / name not in exclude
        )
        for name in sorted(names):
            path = here / name
            if name.startswith(".") or path in exclude or not path.resolve().is_relative_to(root) or not path.is_file():
                continue
            yield path
