"""SOURCE on the command line: a page, a folder, an address, or HTML on standard input."""

import hashlib
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from helios_worker.errors import UserError
from helios_worker.store import local_path

PAGE_SUFFIXES = (".html", ".htm", ".xhtml", ".svg")


def resolve_source(source: str, artifacts: str) -> str:
    """The source as a request names it; what is plainly wrong is said before anything is started.

    artifacts: URL of the artifact store; HTML from standard input is kept in it, under its own digest, so that
    the same HTML is the same source and a second run resumes the first.

    Raises:
        UserError: there is no such page.
    """
    if source == "-":
        return str(_keep_stdin(artifacts))
    parts = urlsplit(source)
    if parts.scheme in ("http", "https"):
        if not parts.hostname:
            raise UserError(f"{source} is no address", remedy="write it like https://example.org/page.html")
        return source
    path = local_path(source)
    if path is None:
        raise UserError(
            f"{source}: pages are read from files, folders, http:// and https:// addresses", remedy="check the address"
        )
    path = path.expanduser()
    if path.is_dir():
        _check_folder(source, path)
    elif not path.is_file():
        raise UserError(
            f"there is no page {source}", remedy="name an HTML file, a folder with an index.html, or an address"
        )
    elif path.suffix.lower() not in PAGE_SUFFIXES:
        raise UserError(
            f"{source} is no page: it ends in {path.suffix or 'nothing'}",
            remedy="name an HTML file, or the folder that it is in",
        )
    return str(path.absolute())


def _check_folder(source: str, path: Path) -> None:
    if not (path / "index.html").is_file():
        pages = sorted(page.name for page in path.glob("*.html"))
        remedy = f"name the page itself: {Path(source) / pages[0]}" if pages else "name the folder that the page is in"
        raise UserError(f"there is no index.html in {source}", remedy=remedy)


def _keep_stdin(artifacts: str) -> Path:
    if sys.stdin.isatty():
        raise UserError(
            "there is nothing on standard input", remedy="pipe HTML into it: cat page.html | heliosctl render - …"
        )
    html = sys.stdin.buffer.read()
    if not html.strip():
        raise UserError("the HTML on standard input is empty")
    root = local_path(artifacts) or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "helios"
    page = root / "stdin" / hashlib.sha256(html).hexdigest()[:32] / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    partial = page.with_name(f".index.html.{os.getpid()}")
    partial.write_bytes(html)
    partial.replace(page)
    return page
