"""What is known of a file that a page asks for and its composition does not have: where it may be instead."""

import unicodedata
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from helios_crds.remedies import setting

# How far above the page's folder a file is looked for.
LEVELS = 3
SERVED = "only the page's folder is served"


class MissingFiles:
    """Explains why a path of a composition is not found.

    files: paths of the files that it has. entry: the page among them.
    folder: where it came from on this machine, as whoever renders it knows it; None where it came from elsewhere.
    """

    def __init__(self, files: Iterable[str], entry: str) -> None:
        self.folder: Path | None = None
        self._files = files
        self._entry = entry

    def explain(self, path: str) -> tuple[str, str]:
        """Why a file is not there, and what to do about it; "" where no more can be said than that."""
        near = self._by_plain_name.get(_plain_name(path))
        if near is not None:
            return f"{near} is there, whose name is spelled otherwise", "write the name as the file has it"
        if any(part.startswith(".") for part in path.split("/")):
            return "hidden files are not served", "give it a name that does not begin with a dot"
        return self._outside(path) if self.folder is not None and path else (SERVED, "")

    def _outside(self, path: str) -> tuple[str, str]:
        assert self.folder is not None
        if (self.folder / path).exists():
            return "it is a link that leads out of the page's folder", "put a copy into the page's folder"
        for root in self.folder.parents[:LEVELS]:
            if (root / path).is_file() and root != Path(root.anchor):
                page = (self.folder / self._entry).relative_to(root).as_posix()
                entry = setting("composition.entry", page)
                remedy = f"render the folder {root} with {entry}, or put a copy into the page's folder"
                return f"{SERVED}, and the file is outside of it: {root / path}", remedy
        return SERVED, ""

    @cached_property
    def _by_plain_name(self) -> dict[str, str]:
        return {_plain_name(path): path for path in self._files}


def _plain_name(path: str) -> str:
    """A path by which names that differ in case, or in how an accent is written, are the same."""
    return unicodedata.normalize("NFC", path).casefold()
