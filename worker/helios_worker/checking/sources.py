"""The text files of a composition that its page refers to, and what the rules find in them."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from helios_worker.artifacts.blobs import blob_key
from helios_worker.artifacts.snapshot import Snapshot
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.capture.comments import without_comments
from helios_worker.checking.findings import Finding
from helios_worker.checking.rules import RULES

TEXTS = frozenset({".html", ".htm", ".xhtml", ".svg", ".css", ".js", ".mjs", ".cjs", ".json"})
LONGEST = 2 << 20
MOST_FILES = 500
LONG_LINE = 2000
# No pattern looks twice at what it has passed: a text of 2 MiB would take hours.
_COMMENT = re.compile(r"/\*|<!--|(?<![:\"'\\\w])//[^\n]*")
_COMMENT_ENDS = {"/*": "*/", "<!--": "-->"}
_WORD = re.compile(r"[^\s\"'`()<>=,;?#/\\]+")
_NAME = re.compile(r".+\.\w+", re.DOTALL)
_REFERENCE = re.compile(
    r"""(?:\b(?:src|href|poster)\s*=\s*["']?|\burl\(\s*["']?|\bfrom\s+["']|\bimport\s+["'])([^\s"')>]+)"""
)


def read_sources(store: ArtifactStore, snapshot: Snapshot) -> dict[str, str]:
    """The texts of the page and of the files whose names it or they contain, by path; large ones are left out."""
    named: dict[str, list[str]] = {}
    for path in snapshot.files:
        named.setdefault(PurePosixPath(path).name, []).append(path)
    texts: dict[str, str] = {}
    waiting = [snapshot.entry]
    seen = {snapshot.entry}
    while waiting and len(texts) < MOST_FILES:
        path = waiting.pop(0)
        data = store.get(blob_key(snapshot.files[path])) or b""
        if len(data) > LONGEST:
            continue
        texts[path] = data.decode(errors="replace")
        for name in _names(texts[path]):
            for other in named.get(name, ()):
                if other not in seen and PurePosixPath(other).suffix.lower() in TEXTS:
                    seen.add(other)
                    waiting.append(other)
    return texts


def mentioned(texts: Mapping[str, str], snapshot: Snapshot) -> set[str]:
    """The files of a composition whose names its texts contain."""
    names = {name for text in texts.values() for name in _names(text)}
    return {path for path in snapshot.files if PurePosixPath(path).name in names}


def _names(text: str) -> set[str]:
    """What may be a file's name in a text."""
    matches = (_NAME.match(word) for word in set(_WORD.findall(text)) if "." in word)
    return {match[0] for match in matches if match is not None}


def search(texts: Mapping[str, str]) -> list[Finding]:
    """What the rules find in a page's own files: one finding a rule, at its first place. No minified files."""
    places: dict[str, list[tuple[str, int]]] = {}
    for path, text in texts.items():
        if path.endswith(".json") or is_minified(text):
            continue
        plain = without_comments(text, _COMMENT, _COMMENT_ENDS)
        for name, offset in _matches(plain, path):
            places.setdefault(name, []).append((path, plain.count("\n", 0, offset) + 1))
    return [RULES[name].found(*found[0], more=len(set(found)) - 1) for name, found in places.items()]


def _matches(text: str, path: str) -> Iterator[tuple[str, int]]:
    for rule in RULES.values():
        if rule.source is not None:
            yield from ((rule.name, match.start()) for match in rule.source.finditer(text))
    folder = PurePosixPath(path).parent
    for match in _REFERENCE.finditer(text):
        if _leads_out(folder, match.group(1)):
            yield "outside", match.start()


def _leads_out(folder: PurePosixPath, reference: str) -> bool:
    if reference.startswith("file:"):
        return True
    if not reference.startswith("../"):
        return False
    return sum(part == ".." for part in PurePosixPath(reference).parts) > len(folder.parts)


def is_minified(text: str) -> bool:
    """Whether a text is a library's rather than an author's: such files contain everything and use little of it."""
    return any(len(line) > LONG_LINE for line in text.splitlines())


def place_of(texts: Mapping[str, str], part: str) -> tuple[str, int]:
    """The first file and line that contain a text; the first file, line 0, if none does."""
    for path, text in texts.items():
        offset = text.find(part)
        if offset >= 0:
            return path, text.count("\n", 0, offset) + 1
    return next(iter(texts), ""), 0
