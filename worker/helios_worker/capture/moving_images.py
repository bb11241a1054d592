"""Which images move by themselves, told by their content: names and media types may be wrong, as browsers know."""

import re

from helios_worker.capture.comments import without_comments

_PNG = b"\x89PNG\r\n\x1a\n"
HEAD = 64 << 10
"""Bytes of an image that are looked at. A PNG says before its first picture whether there are more."""
# A stranger's text: no pattern looks twice at what it has passed, or a text of 4 MiB would take hours.
_COMMENT = re.compile(r"<!--|/\*")
_COMMENT_ENDS = {"<!--": "-->", "/*": "*/"}
_KEYFRAMES = re.compile(r"@(?:-webkit-)?keyframes\s+[\"']?([\w-]+)")
_ANIMATION = re.compile(r"animation(?:-name)?\s*:([^;}\"'<]*)")
_SMIL = re.compile(r"<(?:[\w-]{1,100}:)?(?:animate|animateTransform|animateMotion|set)\b([^<>]*)>")
_ATTRIBUTE = re.compile(r"(?<![\w:-])([\w:-]++)\s*+=\s*+(?:\"([^\"]*)\"|'([^']*)')")
# Nobody clicks on an image, and no script begins anything in it.
_NEVER = re.compile(
    r"indefinite|accessKey\(.*|(?:[\w-]+\.)?(?:click|activate|focus\w*|mouse\w+|key\w+)\s*(?:[+-].*)?", re.IGNORECASE
)


def animated_type(head: bytes) -> str | None:
    """The media type of an image of several pictures, such as image/gif; None for everything else.

    head: its first bytes, HEAD of them or all that there are. A GIF counts as one, whatever comes after its head.
    """
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif"
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X":
        return "image/webp" if head[20:21] and head[20] & 0x02 else None
    if head[4:8] == b"ftyp":
        size = int.from_bytes(head[:4])
        return "image/avif" if b"avis" in (head[at : at + 4] for at in (8, *range(16, min(size, HEAD), 4))) else None
    return "image/apng" if head[:8] == _PNG and _has_chunk(head, b"acTL", before=b"IDAT") else None


def _has_chunk(head: bytes, wanted: bytes, *, before: bytes) -> bool:
    """Whether a PNG has a chunk of this name before the first of another name."""
    at = len(_PNG)
    while at + 8 <= len(head):
        name = head[at + 4 : at + 8]
        if name in (wanted, before):
            return name == wanted
        at += 12 + int.from_bytes(head[at : at + 4])
    return False


def svg_moves(text: str) -> bool:
    """Whether an SVG document moves without a script: it has an animation element that begins, or uses its @keyframes.

    >>> svg_moves('<svg><rect><animate attributeName="x" to="9" dur="1s"/></rect></svg>')
    True
    >>> svg_moves('<svg><rect><animate attributeName="x" to="9" dur="1s" begin="click"/></rect></svg>')
    False
    >>> svg_moves("<svg><style>@keyframes a { to { x: 9px } } rect { animation: 1s a }</style><rect/></svg>")
    True
    >>> svg_moves("<svg><style>@keyframes a { to { x: 9px } }</style><rect/></svg>")
    False
    """
    text = without_comments(text, _COMMENT, _COMMENT_ENDS)
    if any(_begins(element[1]) for element in _SMIL.finditer(text)):
        return True
    names = set(_KEYFRAMES.findall(text))
    if not names:
        return False
    used = (use[1] for use in _ANIMATION.finditer(text))
    return any(names & set(re.findall(r"[\w-]+", use)) and "paused" not in use for use in used)


def _begins(attributes: str) -> bool:
    """Whether an animation element with these attributes ever changes anything."""
    given = {name: first or second for name, first, second in _ATTRIBUTE.findall(attributes)}
    begins = [begin.strip() for begin in given.get("begin", "0s").split(";")]
    return any(begin and not _NEVER.fullmatch(begin) for begin in begins)
