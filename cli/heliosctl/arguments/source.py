"""SOURCE on the command line: a page, folder or archive; on disk, in a bucket or on the web; or standard input."""

import hashlib
import os
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

from helios_crds.addresses import WEB
from helios_worker.artifacts.urls import absolute, local_path
from helios_worker.errors import UserError
from helios_worker.sources.names import ARCHIVE_SUFFIXES, BUCKETS, PAGE_SUFFIXES, is_archive
from heliosctl.arguments.options import INDEX
from heliosctl.arguments.output import unwritable
from heliosctl.arguments.paths import expanded, own_folder

ARCHIVES = ", ".join(ARCHIVE_SUFFIXES)
NO_SOURCES = (".mp4", ".mov", ".webm", ".json", ".gz", ".7z", ".rar")
MOST_PAGES = 3


def resolve_source(source: str, artifacts: str, entry: str | None = None) -> str:
    """The source as a request names it. What is plainly wrong is refused before anything is started.

    artifacts: URL of the artifact store; HTML from standard input is kept in it, under its own digest, so that
    the same HTML is the same source and a second run resumes the first.
    entry: the page within a folder or archive; None for index.html.

    Raises:
        UserError: the page does not exist, or cannot be one; or an entry is given where it would be ignored.
    """
    if source == "-":
        _refuse_entry(entry, "HTML on standard input")
        return str(_keep_stdin(artifacts))
    source, query = split_source(source)
    parts = urlsplit(source)
    if parts.scheme in ("http", "https"):
        if not parts.hostname:
            raise UserError(f"{source} is not a valid address", remedy="write it like https://example.org/page.html")
        if not is_archive(parts.path):
            _refuse_entry(entry, source)
        return source
    if source.startswith(BUCKETS):
        _check_name(source)
        if parts.path.lower().endswith(PAGE_SUFFIXES):
            _refuse_entry(entry, source)
        return source + query
    path = local_path(source)
    if path is None:
        raise UserError(
            f"{source} cannot be read: a page is a file or folder, or at an address that begins with s3://, gs://, "
            "az://, http:// or https://",
            remedy="check the address",
        )
    path = expanded(path)
    if path.is_dir():
        _check_folder(source, path, entry or INDEX)
    elif not path.is_file():
        raise UserError(
            f"page {source} not found", remedy="name an HTML file, a folder with an index.html, or an address"
        )
    elif path.suffix.lower() not in PAGE_SUFFIXES and not is_archive(path.name):
        raise UserError(
            f"{source} is not a page: it {f'ends in {path.suffix}' if path.suffix else 'has no file extension'}",
            remedy=f"name an HTML file, the folder it is in, or an archive of that folder ({ARCHIVES})",
        )
    elif not is_archive(path.name):
        _refuse_entry(entry, source)
    return str(absolute(path)) + query


def split_source(source: str) -> tuple[str, str]:
    """A source without the query and fragment of its page, and those two.

    A page on the web keeps its own. A file whose name has such characters is that file.
    """
    if source.startswith(WEB):
        return source, ""
    if re.match("[A-Za-z][A-Za-z0-9+.-]*://", source):
        from helios_crds.paths import split_query

        return split_query(source)
    if expanded(source).exists():
        return source, ""
    for mark in re.finditer("[?#]", source):
        path, query = source[: mark.start()], source[mark.start() :]
        file = expanded(path)
        # A folder's name may be the beginning of another's: "film" of "film #2/page.html".
        if path and (file.is_file() or (file.is_dir() and (path.endswith("/") or "/" not in query))):
            return path, query
    return source, ""


def is_job_file(source: str) -> bool:
    """Whether SOURCE is a job.json rather than a page."""
    return source.lower().endswith(".json") and Path(source).is_file()


def check_film(source: str) -> Path:
    """The path of an existing film.

    Raises:
        UserError: it is not a file of this machine.
    """
    path: Path | None = expanded(source)
    if "://" in source:
        path = local_path(source)
    if path is None:
        raise UserError(f"{source} is not on this machine", remedy="copy the film here and name the copy")
    if path.is_dir():
        raise UserError(f"the film {source} is a folder", remedy="name the film in it")
    if not path.is_file():
        raise UserError(f"film {source} not found", remedy="check its path")
    return path


def _refuse_entry(entry: str | None, source: str) -> None:
    """Refuses --entry where there is one page alone."""
    if entry is not None:
        raise UserError(
            f"--entry {entry} would be ignored: {source} is a page, not a folder or an archive",
            remedy="leave out --entry, or name the folder that the page is in",
        )


def _check_name(source: str) -> None:
    """Refuses names that end like a file other than a page or an archive."""
    name = urlsplit(source).path
    if name.lower().endswith(NO_SOURCES) and not is_archive(name):
        raise UserError(
            f"{source} is not a page: it ends in {Path(name).suffix}",
            remedy=f"name an HTML file, the folder it is in, or an archive of that folder ({ARCHIVES})",
        )


def _check_folder(source: str, path: Path, entry: str) -> None:
    if not (path / entry).is_file():
        pages = sorted(page.name for page in path.glob("*.html"))
        shown = " or ".join(str(Path(source) / page) for page in pages[:MOST_PAGES])
        remedy = f"name the page itself: {shown}" if pages else "name the folder that contains the page"
        raise UserError(f"there is no {entry} in {source}", remedy=remedy)


def _keep_stdin(artifacts: str) -> Path:
    if sys.stdin.isatty():
        raise UserError(
            "there is nothing on standard input", remedy="pipe HTML into it: cat page.html | heliosctl render - …"
        )
    html = sys.stdin.buffer.read()
    if not html.strip():
        raise UserError("the HTML on standard input is empty")
    root = local_path(artifacts) or own_folder("XDG_CACHE_HOME", ".cache") / "helios"
    page = root / "stdin" / hashlib.sha256(html).hexdigest()[:32] / "index.html"
    why = unwritable(page)
    if why is not None:
        raise UserError(
            f"the HTML on standard input cannot be kept in {root}: {why}", remedy="choose a folder with --artifacts"
        )
    partial = page.with_name(f".index.html.{os.getpid()}")
    partial.write_bytes(html)
    partial.replace(page)
    return page
