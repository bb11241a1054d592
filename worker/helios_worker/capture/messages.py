"""Messages about a page's errors, in its author's terms: the page's own files and lines, none of ours."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from helios_crds.text import one_line

HOST_SUFFIX = ".composition.localhost"
FONTS_HOST = f"fonts{HOST_SUFFIX}"
LONGEST = 500
LOOKED_AT = 10_000
"""Characters of a text from the page that are looked at: it may have hundreds of millions."""
STACK_LOOKED_AT = 2_000
URL_KEPT = 2000
"""Characters of an address that are kept of it."""
ANOTHER_WINDOW = "the page tried to open another window, which was refused: a film is one window"
_OURS = re.compile(rf"https?://[\w-]+{re.escape(HOST_SUFFIX)}(?::\d+)?(?:/([^\s\"')]*))?")
_PLACE = re.compile(r"(?:https?|file|blob):[^\s()]+:\d+:\d+")


def plain(text: str) -> str:
    """A text from the page as one printable line. The page's own files are named by path, without the host.

    >>> plain("http://4f2a.composition.localhost/img/a%20b.png not found")
    'img/a b.png not found'
    """
    shortened = _OURS.sub(lambda url: unquote(url.group(1) or "") or "the page", text[:LOOKED_AT])
    return one_line(shortened if len(text) <= LOOKED_AT else f"{shortened} …", LONGEST, keep_start=True)


class BoundedLines:
    """Different lines from the page in the order in which they came. Beyond `most`, they are only counted."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lines: dict[str, None] = {}
        self._more = 0

    def add(self, line: str, *, first: bool = False) -> None:
        """Adds a line unless it is there, at the end or as the first."""
        if line in self._lines:
            return
        if len(self._lines) < self._most:
            if first:
                self._lines = {line: None, **self._lines}
                return
            self._lines[line] = None
        else:
            self._more += 1

    def __iter__(self) -> Iterator[str]:
        """The lines, and how many more there were."""
        yield from self._lines
        if self._more:
            yield f"and {self._more} more"

    def __len__(self) -> int:
        return len(self._lines) + self._more

    def __contains__(self, line: object) -> bool:
        return line in self._lines


def exception_text(details: Mapping[str, Any]) -> str:
    """An uncaught exception in one line: what was thrown, and the line of the page that threw it.

    details: Runtime.ExceptionDetails of the DevTools protocol.
    """
    exception = details.get("exception", {})
    thrown = str(exception.get("description") or exception.get("value") or details.get("text", ""))[:LOOKED_AT]
    message, _, stack = thrown.partition("\n    at ")
    place = _PLACE.search(stack[:STACK_LOOKED_AT])
    if place is not None:
        return plain(f"{message.strip()} ({place.group()})")
    url = details.get("url")
    return plain(f"{message.strip()} ({url}:{details['lineNumber'] + 1})" if url else message.strip())


def is_foreign(url: str) -> bool:
    """Whether a URL is on the network, and not a file of the composition.

    >>> is_foreign("http://4f2a.composition.localhost/a.js"), is_foreign("https://cdn.example/a.js")
    (False, True)
    """
    host = re.match(r"https?://([^/:?#]+)", url)
    return host is not None and not host[1].endswith(HOST_SUFFIX)


def composition_path(url: str) -> str | None:
    """The path of a composition's file from its address; None for another address.

    >>> composition_path("http://4f2a.composition.localhost/a%20b.png?v=2"), composition_path("https://cdn.example/a.png")
    ('a b.png', None)
    """
    match = _OURS.match(url)
    return None if match is None else unquote(urlsplit(url).path).lstrip("/")
