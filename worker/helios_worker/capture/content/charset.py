"""Which of a composition's text files are served as UTF-8.

Without a charset, browsers take a file over HTTP for Windows-1252 or guess, and never guess UTF-8: that is what they do
for files on disk alone. An author who opened the page from disk has seen it as UTF-8, so the site says it for them.
Files in other charsets, and those that name one, are left to the browser.
"""

import codecs
import re
from functools import lru_cache
from pathlib import Path

PIECE = 1 << 20
DECLARED_WITHIN = 1 << 16
KINDS = frozenset({"text/html", "text/css", "text/javascript", "text/plain", "text/csv"})
"""Media types of text whose charset a browser must be told; of the others (JSON, XML, subtitles) it knows it."""
_DECLARED = {
    "text/html": re.compile(rb"<meta[^>]{1,500}charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE),
    "text/css": re.compile(rb'\A@charset "([^"]{1,40})";'),
}


def with_charset(kind: str, file: Path) -> str:
    """The media type for a file's Content-Type header, with the charset where a browser would not find it out.

    kind: the media type.
    """
    if kind not in KINDS:
        return kind
    status = file.stat()
    return f"{kind}; charset=utf-8" if _is_utf8(kind, file, status.st_size, status.st_mtime_ns) else kind


@lru_cache(maxsize=1024)
def _is_utf8(kind: str, file: Path, size: int, changed: int) -> bool:
    """Whether a text has characters beyond ASCII, all in UTF-8, and names no other charset.

    size, changed: of the file, which is read again when they are others.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_ascii = True
    with file.open("rb") as data:
        declared = _DECLARED[kind].search(data.read(DECLARED_WITHIN)) if kind in _DECLARED else None
        if declared is not None and declared[1].lower() not in (b"utf-8", b"utf8"):
            return False
        data.seek(0)
        try:
            while piece := data.read(PIECE):
                is_ascii = is_ascii and piece.isascii()
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return not is_ascii
