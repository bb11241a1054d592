"""The text files of a page, in its folder or as its server sent them, and what the rules find in them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urldefrag, urljoin, urlsplit

from helios_crds.addresses import is_web
from helios_worker.artifacts.blobs import blob_key
from helios_worker.artifacts.recording import RecordedResponse, load_recording
from helios_worker.artifacts.snapshot import Snapshot
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.capture.comments import without_comments
from helios_worker.checking.findings import Finding
from helios_worker.checking.rules import RULES
from helios_worker.checking.videos import is_video
from helios_worker.network.origin_headers import origin_of

SCRIPTS = frozenset({".js", ".mjs", ".cjs"})
TEXTS = SCRIPTS | {".html", ".htm", ".xhtml", ".svg", ".css", ".json"}
LONGEST = 2 << 20
MOST_FILES = 500
MOST_REDIRECTS = 10
LONG_LINE = 2000
_DATA = re.compile(r"data:[\w/+.-]*[;,][^\s\"'`)<>]{100,}")
# No pattern looks twice at what it has passed: a text of 2 MiB would take hours.
_COMMENT = re.compile(r"/\*|<!--|(?<![:\"'\\\w])//[^\n]*")
_COMMENT_ENDS = {"/*": "*/", "<!--": "-->"}
_WORD = re.compile(r"[^\s\"'`()<>=,;?#/\\]+")
_NAME = re.compile(r".+\.\w+", re.DOTALL)
_REFERENCE = re.compile(
    r"""(?:\b(?:src|href|poster)\s*=\s*["']?|\burl\(\s*["']?|\bfrom\s+["']|\bimport\s+["'])([^\s"')>]+)"""
)


def _texts_of_folder(store: ArtifactStore, snapshot: Snapshot) -> dict[str, str]:
    """The texts of the page and of the files whose names it or they contain."""
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


@dataclass(frozen=True)
class Sources:
    """What a page consists of. Paths are as its author writes them: within its folder, or addresses on the web.

    texts: by path, the page itself first; large ones are left out. videos: digests of those that the texts name.
    """

    texts: Mapping[str, str]
    videos: Mapping[str, str]


def sources_of_folder(store: ArtifactStore, snapshot: Snapshot) -> Sources:
    """The sources of a page in a folder."""
    texts = _texts_of_folder(store, snapshot)
    return Sources(texts, {path: snapshot.files[path] for path in mentioned(texts, snapshot) if is_video(path)})


def mentioned(texts: Mapping[str, str], snapshot: Snapshot) -> list[str]:
    """The files of a composition whose names its texts contain."""
    names = {name for text in texts.values() for name in _names(text)}
    return [path for path in snapshot.files if PurePosixPath(path).name in names]


def sources_of_recording(store: ArtifactStore, digest: str, url: str) -> Sources:
    """What the server of a page on the web sent it. digest: of the recording. url: of the page."""
    answers: dict[str, RecordedResponse] = {}
    for name, answer in load_recording(store, digest).answers.items():
        answers.setdefault(name.partition(" ")[0], answer)
    page = urldefrag(url).url
    page = page if page in answers else f"{page}/"  # as browsers write https://films.example
    for _ in range(MOST_REDIRECTS):
        answered = answers.get(page)
        place = dict(answered.headers).get("location") if answered is not None else None
        if answered is None or place is None or not 300 <= answered.status < 400:
            break
        page = urldefrag(urljoin(page, place)).url
    own = [each for each in answers if each != page and origin_of(each) == origin_of(page)]
    texts: dict[str, str] = {}
    for address in [page, *own][:MOST_FILES]:
        sent = answers.get(address)
        if sent is None or not _is_text(sent) or not sent.body:
            continue
        data = store.get(blob_key(sent.body)) or b""
        if len(data) <= LONGEST:
            texts[address] = data.decode(errors="replace")
    videos = {address: answers[address].body for address in own if is_video(urlsplit(address).path)}
    return Sources(texts, {address: body for address, body in videos.items() if body})


def _is_text(answer: RecordedResponse) -> bool:
    """Whether an answer is a document, a script or a style sheet."""
    kind = next((value for name, value in answer.headers if name.lower() == "content-type"), "text/html")
    return re.match(r"text/(?!plain)|image/svg|application/(?:json|(?:x-)?javascript|xhtml)", kind.lower()) is not None


def _names(text: str) -> set[str]:
    """What may be a file's name in a text."""
    matches = (_NAME.match(word) for word in set(_WORD.findall(text)) if "." in word)
    return {match[0] for match in matches if match is not None}


def search(texts: Mapping[str, str]) -> list[Finding]:
    """What the rules find in a page's own files: one finding a rule, at its first place.

    texts: by path, the page itself first. Minified scripts are passed over, and long lines elsewhere.
    """
    places: dict[str, list[tuple[str, int]]] = {}
    page = next(iter(texts), "")
    for path, text in texts.items():
        if path.endswith(".json") or is_minified(path, text):
            continue
        plain = _readable(text)
        for name, offset in _matches(plain, path):
            if name == "navigation" and path != page and _is_document(path):
                continue  # of a frame, which may go anywhere
            places.setdefault(name, []).append((path, plain.count("\n", 0, offset) + 1))
    return [RULES[name].found(*found[0], more=len(set(found)) - 1) for name, found in places.items()]


def _matches(text: str, path: str) -> Iterator[tuple[str, int]]:
    for rule in RULES.values():
        if rule.source is not None:
            yield from ((rule.name, match.start()) for match in rule.source.finditer(text))
    folder = None if is_web(path) else PurePosixPath(path).parent
    for match in _REFERENCE.finditer(text):
        if _leads_out(folder, match.group(1)):
            yield "outside", match.start()


def _leads_out(folder: PurePosixPath | None, reference: str) -> bool:
    """Whether a reference leads out of the page's folder. folder: of the file that has it; None for one on the web."""
    if reference.startswith("file:"):
        return True
    if folder is None or not reference.startswith("../"):
        return False
    return sum(part == ".." for part in PurePosixPath(reference).parts) > len(folder.parts)


def _readable(text: str) -> str:
    """A text without comments, data: addresses and lines that nobody writes by hand; with as many lines."""
    plain = without_comments(_DATA.sub("", text), _COMMENT, _COMMENT_ENDS)
    return "\n".join(line if len(line) <= LONG_LINE else "" for line in plain.split("\n"))


def _is_document(path: str) -> bool:
    return PurePosixPath(urlsplit(path).path).suffix.lower() not in SCRIPTS | {".css"}


def is_minified(path: str, text: str) -> bool:
    """Whether a script is a library's rather than an author's: such files contain everything and use little of it."""
    is_script = PurePosixPath(urlsplit(path).path).suffix.lower() in SCRIPTS
    return is_script and any(len(line) > LONG_LINE for line in _DATA.sub("", text).split("\n"))


def place_of(texts: Mapping[str, str], part: str) -> tuple[str, int]:
    """The first file and line that contain a text; the first file, line 0, if none does."""
    for path, text in texts.items():
        offset = text.find(part)
        if offset >= 0:
            return path, text.count("\n", 0, offset) + 1
    return next(iter(texts), ""), 0
