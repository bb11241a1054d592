"""Brings a composition that lies elsewhere into a folder: from a bucket, or out of an archive.

A snapshot is taken of that folder as of any other, so a page in a bucket, the same page in an archive and the same
page here are one composition, whose chunks they share. A page on the web is none of this: a browser opens it where
it is.
"""

import os
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import obstore
from obstore.store import HTTPStore

from helios_worker.artifacts.access import StoreTimeouts
from helios_worker.artifacts.errors import StoreError, explain, redacted
from helios_worker.artifacts.snapshot import MAX_BYTES, MAX_FILES
from helios_worker.artifacts.store import ArtifactStore, Entry, save
from helios_worker.artifacts.urls import local_path, split_object
from helios_worker.errors import UserError
from helios_worker.sources.archive import Limits, is_archive, pages, unpack

PAGE_SUFFIXES = (".html", ".htm", ".xhtml", ".svg")
BUCKETS = ("s3://", "s3a://", "gs://", "az://", "azure://", "abfs://", "abfss://")
FETCHES = 8
LIMITS = Limits(MAX_FILES, MAX_BYTES)


def is_elsewhere(url: str) -> bool:
    """Whether a composition has to be brought here: it is in a bucket, or in an archive wherever that is."""
    return url.startswith(BUCKETS) or is_archive(url)


def bring(
    url: str, entry: str, folder: Path, *, exclude: Collection[str] = (), limits: Limits = LIMITS
) -> tuple[Path, Path]:
    """The composition's page, and the folder that holds all of it.

    entry: the page within a folder or an archive.
    folder: empty, and removed by the caller.
    exclude: URLs of files and folders that are no part of it, such as the output's.

    Raises:
        UserError: there is no such page, or more than a composition should hold.
        StoreError: it cannot be had now.
    """
    if is_archive(url):
        shown = redacted(url)
        root = folder / "unpacked"
        root.mkdir()
        archive = _archive(url, folder)
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


def _archive(url: str, folder: Path) -> Path:
    """The archive as a local file."""
    path = local_path(url)
    if path is not None:
        if not path.is_file():
            raise UserError(f"there is no archive {path}", remedy="correct its path")
        return path
    copy = folder / "archive"
    if url.startswith(("http://", "https://")):
        _download(url, copy)
    else:
        place, name = split_object(url)
        store = ArtifactStore(place)
        if not store.fetch(name, copy):
            raise UserError(f"there is no archive {url}", remedy="correct its address")
    return copy


def _download(url: str, copy: Path) -> None:
    """Fetches a file from the web. Its address may be signed, so what follows a ? is never shown."""
    doing = f"fetching {redacted(url)}"
    timeouts = StoreTimeouts.of(os.environ)
    try:
        store = HTTPStore.from_url(
            url,
            client_options={
                "allow_http": url.startswith("http://"),
                "connect_timeout": timedelta(seconds=timeouts.connect),
                "read_timeout": timedelta(seconds=timeouts.stall),
                "timeout": timedelta(hours=1),
            },
            retry_config=timeouts.retries,
        )
        response = obstore.get(store, "")
        if response.meta["size"] > MAX_BYTES:
            raise UserError(f"{redacted(url)} has more than {MAX_BYTES >> 30} GiB, too much for a composition")
        save(response, copy, doing)
    except FileNotFoundError:
        raise UserError(f"there is no archive {redacted(url)} (404)", remedy="correct its address") from None
    except Exception as error:
        raise explain(doing, error) from None


def _fetch_folder(store: ArtifactStore, folder: Path, exclude: Collection[str], limits: Limits) -> None:
    """Everything under a bucket's prefix but for what is hidden or excluded."""
    if store.url in exclude:
        raise UserError(
            f"the artifacts lie in the composition's own folder {store.url}, which would then hold its own artifacts",
            remedy="choose another place for them",
        )
    exclude = [each for each in exclude if each.startswith(store.url)]  # and not what the composition itself is in
    listed = store.entries("", limit=2 * limits.files)
    wanted = [found for found in listed if _is_wanted(found, store, exclude)]
    # Some tools show a folder by making an empty object of its name.
    folders = {str(parent) for found in wanted for parent in PurePosixPath(found.key).parents}
    wanted = [found for found in wanted if found.size or found.key not in folders]
    total = sum(found.size for found in wanted)
    if len(wanted) > limits.files or len(listed) >= 2 * limits.files or total > limits.bytes:
        raise UserError(
            f"{store.url} holds more than {limits.files} files or {limits.bytes >> 20} MiB, too much for a composition",
            remedy="put the page and what it uses into a folder of its own",
        )
    for found in wanted:
        if found.key in folders:
            raise UserError(f"{store.url}{found.key} is a file and a folder", remedy="rename one of the two")
        folder.joinpath(found.key).parent.mkdir(parents=True, exist_ok=True)

    def fetch(found: Entry) -> None:
        if not store.fetch(found.key, folder / found.key, tag=found.tag):
            raise StoreError(
                f"{store.url}{found.key} disappeared while the plan read the composition's files",
                remedy="run the command again when nothing removes files there",
            )

    with ThreadPoolExecutor(FETCHES, thread_name_prefix="source") as threads:
        for _ in threads.map(fetch, wanted):
            pass


def _is_wanted(found: Entry, store: ArtifactStore, exclude: Collection[str]) -> bool:
    """Not what is hidden or excluded. The library gives no key that leads out of its folder; such a one is hidden."""
    hidden = any(part.startswith(".") for part in PurePosixPath(found.key).parts)
    return bool(found.key) and not hidden and not _is_excluded(store.url + found.key, exclude)


def _is_excluded(url: str, exclude: Collection[str]) -> bool:
    return any(url == each or url.startswith(each.rstrip("/") + "/") for each in exclude)


def _only_folder(root: Path, entry: str) -> Path:
    """The one folder in an archive, where the page is in it rather than at the top: `tar c teaser` packs it so."""
    inside = list(root.iterdir())
    if not (root / entry).is_file() and len(inside) == 1 and (inside[0] / entry).is_file():
        return inside[0]
    return root
