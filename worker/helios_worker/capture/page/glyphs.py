"""Which characters of a page no font has a glyph for. The browser draws them as boxes and says nothing.

The page's text is read as it is laid out, with the text of generated content, form controls and frames, and so is what
scripts have drawn on canvases. Each character beyond Latin is drawn once on a canvas that nobody sees, and compared
with a character that does not exist.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from helios_worker.capture.devtools.cdp import CommandRefused, Message
from helios_worker.capture.devtools.session import Session
from helios_worker.capture.messages import plain

# Every font has the characters below this one.
FIRST_CHECKED = 0x250
MOST_CHECKED = 3000
NAMED = 6
QUOTED = 40
NO_TEXT = frozenset({"SCRIPT", "STYLE", "NOSCRIPT", "TEMPLATE", "TITLE", "OPTION"})
# Characters without a picture of their own.
UNDRAWN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
IDEOGRAPHS = ("CJK", "HANGUL", "HIRAGANA", "KATAKANA", "BOPOMOFO", "IDEOGRAPHIC", "FULLWIDTH", "HALFWIDTH", "YI ")
WORLD = "helios-glyphs"
# Runs in a world of its own, where the page has redefined nothing. The page's fonts may have what the machine's lack.
CHECK = """(async (runs) => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 40;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const draw = (character, family) => {
    context.font = "20px sans-serif";
    context.font = `20px ${family}`;
    context.clearRect(0, 0, 40, 40);
    context.fillText(character, 8, 28);
    return String(new Uint32Array(context.getImageData(0, 0, 40, 40).data.buffer));
  };
  const webFonts = [...document.fonts].filter((font) => font.status === "loaded").map((font) => font.family);
  const boxes = new Map();
  const isBox = (character, family) => {
    if (!boxes.has(family)) boxes.set(family, draw("\\u0378", family));
    return boxes.get(family) === draw(character, family);
  };
  const systemLacks = new Map();
  return runs.map(([characters, family]) => [...characters].filter((character) => {
    if (!systemLacks.has(character)) systemLacks.set(character, isBox(character, "sans-serif"));
    if (!systemLacks.get(character)) return false;
    const families = family ? [family] : webFonts;
    return families.every((each) => isBox(character, each));
  }).join(""));
})"""


@dataclass(frozen=True)
class TextRun:
    """Text in one font.

    element: the name of the element around it. family: its font, as computed; "" where the text is not laid out.
    """

    text: str
    element: str
    family: str


@dataclass(frozen=True)
class MissingGlyph:
    """A character that is drawn as a box, and the first text that has it."""

    character: str
    run: TextRun


async def missing_glyphs(session: Session, drawn: Sequence[object]) -> list[MissingGlyph]:
    """The characters of the page, as it is now, that are drawn as boxes, in the order of the page.

    drawn: what the clocks tell of texts on canvases: of each clock a list of texts with their fonts.
    """
    on_canvases = [run for texts in drawn for run in _drawn_runs(texts)]
    snapshot = await session.command("DOMSnapshot.captureSnapshot", {"computedStyles": ["font-family"]})
    missing: dict[str, MissingGlyph] = {}
    for document in snapshot["documents"]:
        strings = snapshot["strings"]
        runs = _to_check([*_runs(document, strings), *on_canvases])
        on_canvases = []
        if not runs:
            continue
        try:
            found = await _check(session, strings[document["frameId"]], runs)
        except CommandRefused:  # a frame that runs no scripts, or has gone
            continue
        for (characters, run), lacking in zip(runs, found, strict=False):
            for character in str(lacking):
                if character in characters:
                    missing.setdefault(character, MissingGlyph(character, run))
    return list(missing.values())


def glyph_warning(missing: Iterable[MissingGlyph]) -> str:
    """A warning that names the characters, a text that has them, and what helps; "" where none is missing."""
    glyphs = list({each.character: each for each in missing}.values())
    if not glyphs:
        return ""
    named = ", ".join(_named(each.character) for each in glyphs[:NAMED])
    more = f" and {len(glyphs) - NAMED} more characters" if len(glyphs) > NAMED else ""
    first = glyphs[0].run
    text = first.text if len(first.text) <= QUOTED else f"{first.text[:QUOTED]}…"
    packages = ", ".join(dict.fromkeys(_package(each.character) for each in glyphs))
    return plain(
        f'no font has {named}{more}: they are drawn as boxes, for example in "{text}" (<{first.element}>). Put a font '
        f"beside the page and name it with @font-face, or install one where films are rendered (Debian: {packages})"
    )


def _runs(document: Message, strings: list[str]) -> Iterator[TextRun]:
    """The texts of a document: those that are laid out, and those that are not shown yet."""
    nodes, layout = document["nodes"], document["layout"]
    names, parents, values = nodes["nodeName"], nodes["parentIndex"], nodes["nodeValue"]

    def element_of(node: int) -> str:
        while node >= 0 and strings[names[node]].startswith("#"):
            node = parents[node]
        return strings[names[node]] if node >= 0 else ""

    yield from _field_runs(document, strings)
    shown = set(layout["nodeIndex"])
    for node, text, styles in zip(layout["nodeIndex"], layout["text"], layout["styles"], strict=False):
        if text >= 0 and strings[text].strip():
            family = strings[styles[0]] if styles and styles[0] >= 0 else ""
            yield TextRun(strings[text].strip(), element_of(node).lower(), family)
    for node, value in enumerate(values):
        if node not in shown and strings[names[node]] == "#text" and value >= 0 and strings[value].strip():
            element = element_of(node)
            if element not in NO_TEXT:
                yield TextRun(strings[value].strip(), element.lower(), "")


def _field_runs(document: Message, strings: list[str]) -> Iterator[TextRun]:
    """What fields and lists show, which is in no text of the document's."""
    nodes = document["nodes"]
    names, parents, values, attributes = (
        nodes[name] for name in ("nodeName", "parentIndex", "nodeValue", "attributes")
    )
    for node in document["layout"]["nodeIndex"]:
        pairs = attributes[node] if strings[names[node]] == "INPUT" else ()
        for name, value in zip(pairs[::2], pairs[1::2], strict=False):
            if strings[name] in ("placeholder", "value") and strings[value].strip():
                yield TextRun(strings[value].strip(), "input", "")
    values_shown = nodes.get("inputValue", {})
    for value in values_shown.get("value", ()):
        if value >= 0 and strings[value].strip():
            yield TextRun(strings[value].strip(), "input", "")
    selected = set(nodes.get("optionSelected", {}).get("index", ()))
    for node, value in enumerate(values):
        if parents[node] in selected and value >= 0 and strings[value].strip():
            yield TextRun(strings[value].strip(), "option", "")


def _drawn_runs(texts: object) -> Iterator[TextRun]:
    """Texts on canvases, so far as a clock tells them as it should."""
    for text in texts if isinstance(texts, list) else ():
        match text:
            case [str(characters), str(font)] if characters.strip():
                yield TextRun(characters.strip(), "canvas", font.partition("px ")[2])


def _to_check(runs: Iterable[TextRun]) -> list[tuple[str, TextRun]]:
    """The characters of each text that may be missing and were in no text of the same font before."""
    known: dict[str, set[str]] = {}
    found, count = [], 0
    for run in runs:
        seen = known.setdefault(run.family, set())
        new = dict.fromkeys(each for each in run.text if each not in seen and _may_be_missing(each))
        new = dict.fromkeys(islice(new, MOST_CHECKED - count))
        if not new:
            continue
        seen.update(new)
        count += len(new)
        found.append(("".join(new), run))
    return found


def _may_be_missing(character: str) -> bool:
    code = ord(character)
    if code < FIRST_CHECKED or 0xFE00 <= code <= 0xFE0F or 0xE0000 <= code <= 0xE01FF:
        return False
    return unicodedata.category(character) not in UNDRAWN


async def _check(session: Session, frame: str, runs: list[tuple[str, TextRun]]) -> list[Any]:
    """For each text, those of its characters that are drawn as boxes."""
    world = await session.command("Page.createIsolatedWorld", {"frameId": frame, "worldName": WORLD})
    reply = await session.command(
        "Runtime.callFunctionOn",
        {
            "executionContextId": world["executionContextId"],
            "functionDeclaration": CHECK,
            "arguments": [{"value": [[characters, run.family] for characters, run in runs]}],
            "awaitPromise": True,
            "returnByValue": True,
        },
    )
    found = reply["result"].get("value")
    return found if isinstance(found, list) else []


def _named(character: str) -> str:
    shown = "" if unicodedata.category(character) in ("Co", "Cn") else f"{character} "
    return f"{shown}U+{ord(character):04X}"


def _package(character: str) -> str:
    name, code = unicodedata.name(character, ""), ord(character)
    if name.startswith(IDEOGRAPHS):
        return "fonts-noto-cjk"
    return "fonts-noto-color-emoji" if 0x1F000 <= code <= 0x1FAFF or 0x2600 <= code <= 0x27BF else "fonts-noto-core"
