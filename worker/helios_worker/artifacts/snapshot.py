"""Snapshots: a composition's files, content-addressed, so that every chunk sees the same bytes.

A snapshot is a small JSON object, `snapshots/<digest>.json`, that names each file's SHA-256; the bytes are
under `blobs/`. Files that several compositions share are stored once.
"""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator

from helios_crds.paths import stays_inside
from helios_crds.remedies import setting
from helios_worker.artifacts.blobs import BLOBS, blob_key
from helios_worker.artifacts.digests import Sha256, file_digest, json_digest
from helios_worker.artifacts.errors import StoreError
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import resolved
from helios_worker.errors import CorruptArtifact, HeliosError, UserError

MAX_FILES = 20_000
MAX_BYTES = 4 << 30
SKIPPED_FOLDERS = frozenset({"__pycache__"})
KERNEL_FOLDERS = (Path("/proc"), Path("/sys"))
"""Their files show what the machine does, secrets of this process among it, and belong to no composition."""


class UnsteadyFile(HeliosError):
    """A file of the composition disappeared, changed or could not be read while the snapshot was taken."""


def _inside(path: str) -> str:
    if not stays_inside(path):
        raise ValueError("a path leads out of the composition")
    return path


class Snapshot(BaseModel):
    """A composition's files. entry: the path of the page. files: SHA-256 by path."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entry: str
    files: dict[Annotated[str, AfterValidator(_inside)], Sha256]

    @model_validator(mode="after")
    def _has_its_page(self) -> Self:
        if self.entry not in self.files:
            raise ValueError("its page is none of its files")
        return self

    @property
    def digest(self) -> str:
        """The digest of all its contents."""
        return json_digest(self.model_dump())

    @property
    def key(self) -> str:
        """Its key in a store."""
        return f"snapshots/{self.digest}.json"


def take_snapshot(
    store: ArtifactStore, page: Path, *, folder: Path | None = None, exclude: frozenset[Path] = frozenset()
) -> Snapshot:
    """Stores a page with the folder around it.

    page: the page's file. folder: the composition's folder, which holds the page; by default the page's own folder.
    exclude: files and folders that do not belong to the composition, such as the output.

    Hidden files are left out, unless the page itself is one. Symbolic links are followed within the folder only; a page
    that is named by itself, without a folder, may be a link to anywhere. Only regular files are read, and only those
    whose names are UTF-8, since addresses name no others.

    Raises:
        UserError: the page is missing or lies elsewhere, or its folder holds more than a composition should.
        UnsteadyFile: a file disappeared or changed meanwhile, or cannot be read.
    """
    top = folder or page.parent
    root, entry = top.resolve(), page.relative_to(top)
    target = resolved(page)
    if folder is not None and target is not None and not (stays_inside(str(entry)) and target.is_relative_to(root)):
        raise UserError(
            f"the page {entry} does not lie in the composition's folder {folder}",
            remedy="name a page within it, that is no link to another place",
        )
    if target is None or not page.is_file() or _is_of_the_kernel(target):
        raise UserError(f"there is no page {page}", remedy="name an HTML file, or a folder with an index.html")
    excluded = {item.resolve() for item in exclude}
    if target in excluded:
        raise UserError(f"the output would overwrite the page {page}", remedy="choose another output")
    if root in excluded:
        raise UserError(
            f"the artifact folder {root} is the composition's own folder, which would then hold its own artifacts",
            remedy=f"choose another one with {setting('artifacts.url')}",
        )
    files: dict[str, str] = {}
    total = 0
    listed = _walk(root, excluded)
    for path in dict.fromkeys([root / entry, *islice(listed, MAX_FILES + 1)]):
        total += _stat(path).st_size
        if len(files) >= MAX_FILES or total > MAX_BYTES:
            raise UserError(
                f"{root} holds more than {MAX_FILES} files or {MAX_BYTES >> 30} GiB, too much for a composition",
                remedy="put the page and what it uses into a folder of its own",
            )
        files[path.relative_to(root).as_posix()] = _store_file(store, path)
    snapshot = Snapshot(entry=entry.as_posix(), files=dict(sorted(files.items())))
    store.put(snapshot.key, orjson.dumps(snapshot.model_dump()))
    return snapshot


def load_snapshot(store: ArtifactStore, digest: str) -> Snapshot:
    """Reads a snapshot back.

    Raises:
        CorruptArtifact: it is not in the store, or has been altered.
    """
    data = store.get_json(f"snapshots/{digest}.json")
    if data is None:
        raise CorruptArtifact(f"the snapshot {digest} is not in {store.url}", remedy="plan the job again")
    try:
        snapshot = Snapshot.model_validate(data)
    except ValidationError:
        snapshot = None
    if snapshot is None or snapshot.digest != digest:
        raise CorruptArtifact(f"the snapshot {digest} in {store.url} has been altered", remedy="plan the job again")
    return snapshot


def _store_file(store: ArtifactStore, path: Path) -> str:
    """Stores a file and returns its SHA-256, of the very bytes that are stored."""
    before = _stat(path)
    try:
        digest = file_digest(path)
        store.put_content(BLOBS, path, digest=digest)
    except OSError as error:
        raise _unsteady(path, error) from error
    except StoreError:
        _stat(path)  # raises where the file is the cause
        raise
    after = _stat(path)
    if (before.st_size, before.st_mtime_ns, before.st_ino) != (after.st_size, after.st_mtime_ns, after.st_ino):
        store.delete(blob_key(digest))  # it may hold the new bytes under the old ones' name
        raise UnsteadyFile(
            f"{path} changed while the plan read it", remedy="run the command again when nothing writes to the folder"
        )
    return digest


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise _unsteady(path, error) from error


def _unsteady(path: Path, error: OSError) -> HeliosError:
    if isinstance(error, PermissionError):
        return UserError(
            f"{path} belongs to the composition's folder and may not be read: {error.strerror}",
            remedy="make it readable, or keep it elsewhere",
        )
    if isinstance(error, FileNotFoundError):
        return UnsteadyFile(
            f"{path} disappeared while the plan read the composition's files",
            remedy="run the command again when nothing removes files from the folder",
        )
    return UnsteadyFile(
        f"{path} could not be read by the plan: {error.strerror or error}",
        remedy="make it readable, or keep it elsewhere, and run the command again",
    )


def _is_of_the_kernel(path: Path) -> bool:
    """path: resolved."""
    return any(path.is_relative_to(folder) for folder in KERNEL_FOLDERS)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _walk(root: Path, exclude: set[Path]) -> Iterator[Path]:
    """The files of a folder, in order."""

    def is_wanted(path: Path) -> bool:
        target = resolved(path)
        return (
            target is not None
            and not path.name.startswith(".")
            and _is_text(path.name)
            and target not in exclude
            and target.is_relative_to(root)
            and not _is_of_the_kernel(target)
        )

    def goes_round(path: Path) -> bool:
        return path.is_symlink() and path.resolve() in {around.resolve() for around in path.parents}

    for folder, folders, names in os.walk(root, followlinks=True):
        here = Path(folder)
        folders[:] = sorted(
            name
            for name in folders
            if name not in SKIPPED_FOLDERS and is_wanted(here / name) and not goes_round(here / name)
        )
        for name in sorted(names):
            if is_wanted(here / name) and (here / name).is_file():
                yield here / name
