"""Brings a composition from a bucket or an archive into a folder.

The plan takes a snapshot of that folder as of any other. The same page in a bucket, in an archive or in a local folder
is therefore one composition, whose chunks are shared. A page on the web is not fetched: the browser opens it.
"""

import os
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from helios_crds.addresses import is_web
from helios_worker.artifacts.access import StoreTimeouts
from helios_worker.artifacts.errors import StoreError, explain, redacted
from helios_worker.artifacts.snapshot import MAX_BYTES, MAX_FILES
from helios_worker.artifacts.store import ArtifactStore, Entry
from helios_worker.artifacts.urls import local_path, split_object
from helios_worker.errors import UserError
from helios_worker.network.addresses import AddressRule
from helios_worker.network.download import Download
from helios_worker.network.origin_headers import NO_HEADERS, OriginHeaders
from helios_worker.sources.archive import Limits, pages, unpack
from helios_worker.sources.names import BUCKETS, PAGE_SUFFIXES, is_archive

FETCHES = 8
LIMITS = Limits(MAX_FILES, MAX_BYTES)


def fetch_composition(
    url: str,
    entry: str,
    folder: Path,
    rule: AddressRule,
    *,
    exclude: Collection[str] = (),
    limits: Limits = LIMITS,
    headers: OriginHeaders = NO_HEADERS,
) -> tuple[Path, Path]:
    """The composition's page, and the folder that holds all of it.

    entry: the page within a folder or an archive.
    folder: empty, and removed by the caller.
    rule: from where on the web an archive may be fetched.
    exclude: URLs of files and folders that do not belong to the composition, such as the output.
    headers: what the server of an archive is sent in addition, if it is theirs.

    Raises:
        UserError: there is no such page, or the source is larger than a composition may be.
        StoreError, NetworkTrouble: it cannot be fetched now; another attempt may succeed.
    """
    if is_archive(url):
        shown = redacted(url)
        root = folder / "unpacked"
        root.mkdir()
        archive = fetch_file(url, folder / "archive", rule, what="archive", headers=headers)
        try:
            unpack(archive, root, limits, name=shown.split("?")[0])
        except OSError as error:
            raise explain(f"unpacking {shown}", error) from None
        root = _only_folder(root, entry)
    else:
        if urlsplit(url).path.lower().endswith(PAGE_SUFFIXES):
            url, entry = split_object(url)
        shown = url.rstrip("/") + "/"
        root = folder
        _fetch_folder(ArtifactStore(url), root, exclude, limits)
    page = root / entry
    if not page.is_file():
        there = next(pages(root), "")
        raise UserError(
            f"there is no page {entry} in {shown}",
            remedy=f"name the page: {there} is there" if there else "name the folder or archive that the page is in",
        )
    return page, root


def fetch_file(url: str, copy: Path, rule: AddressRule, *, what: str, headers: OriginHeaders = NO_HEADERS) -> Path:
    """A file at any address that a composition may have, as a local file: the file itself, else a copy.

    what: the word for it in messages.

    Raises:
        UserError, StoreError, NetworkTrouble: as fetch_composition.
    """
    path = local_path(url)
    if path is not None:
        if not path.is_file():
            raise UserError(f"there is no {what} {path}", remedy="correct its path")
        return path
    if is_web(url):
        download(url, copy, rule, what=what, headers=headers)
        return copy
    if not url.startswith(BUCKETS):
        raise UserError(
            f"{redacted(url)}: a {what} is a local file, in a bucket, or at an http:// or https:// address",
            remedy="check the address",
        )
    place, name = split_object(url)
    if not ArtifactStore(place).fetch(name, copy):
        raise UserError(f"there is no {what} {url}", remedy="correct its address")
    return copy


def download(
    url: str,
    copy: Path,
    rule: AddressRule,
    *,
    most: int = MAX_BYTES,
    what: str = "archive",
    headers: OriginHeaders = NO_HEADERS,
) -> None:
    """Fetches a file from the web. Messages leave out what follows a ? in its address, which may be a signature.

    rule: where it may be fetched from. most: its bytes at most. what: the word for it in messages.
    headers: what its server is sent in addition, if it is theirs.

    Raises:
        UserError: it is not there, may not be read, or is too large.
        NetworkTrouble: it cannot be fetched now; another attempt may succeed.
    """
    limits = StoreTimeouts.of(os.environ)
    shown = redacted(url)
    Download(url, shown, what, most, rule, stall=limits.stall, retry=limits.retry, headers=headers).save(copy)


def _fetch_folder(store: ArtifactStore, folder: Path, exclude: Collection[str], limits: Limits) -> None:
    """Fetches all objects under a bucket's prefix, except for hidden and excluded ones."""
    if store.url in exclude:
        raise UserError(
            f"the artifacts lie in the composition's own folder {store.url}, which would then hold its own artifacts",
            remedy="choose another place for them",
        )
    exclude = [each for each in exclude if each.startswith(store.url)]  # not a folder around the composition
    listed = store.entries("", limit=2 * limits.files)
    wanted = [entry for entry in listed if _is_wanted(entry, store, exclude)]
    # Some tools show a folder by making an empty object of its name.
    folders = {str(parent) for entry in wanted for parent in PurePosixPath(entry.key).parents}
    wanted = [entry for entry in wanted if entry.size or entry.key not in folders]
    total = sum(entry.size for entry in wanted)
    if len(wanted) > limits.files or len(listed) >= 2 * limits.files or total > limits.bytes:
        raise UserError(
            f"{store.url} holds more than {limits.files} files or {limits.bytes >> 20} MiB, too much for a composition",
            remedy="put the page and what it uses into a folder of its own",
        )
    for entry in wanted:
        if entry.key in folders:
            raise UserError(f"{store.url}{entry.key} is a file and a folder", remedy="rename one of the two")
        folder.joinpath(entry.key).parent.mkdir(parents=True, exist_ok=True)

    def fetch(entry: Entry) -> None:
        if not store.fetch(entry.key, folder / entry.key, tag=entry.tag):
            raise StoreError(
                f"{store.url}{entry.key} disappeared while the plan read the composition's files",
                remedy="run the command again when nothing removes files there",
            )

    with ThreadPoolExecutor(FETCHES, thread_name_prefix="source") as threads:
        for _ in threads.map(fetch, wanted):
            pass


def _is_wanted(entry: Entry, store: ArtifactStore, exclude: Collection[str]) -> bool:
    """Whether an object is neither hidden nor excluded. A key with `..` would count as hidden."""
    hidden = any(part.startswith(".") for part in PurePosixPath(entry.key).parts)
    return bool(entry.key) and not hidden and not _is_excluded(store.url + entry.key, exclude)


def _is_excluded(url: str, exclude: Collection[str]) -> bool:
    return any(url == each or url.startswith(each.rstrip("/") + "/") for each in exclude)


def _only_folder(root: Path, entry: str) -> Path:
    """The only folder of an archive, where that folder holds the page, as `tar c teaser` packs it. Else the top."""
    inside = list(root.iterdir())
    if not (root / entry).is_file() and len(inside) == 1 and (inside[0] / entry).is_file():
        return inside[0]
    return root
