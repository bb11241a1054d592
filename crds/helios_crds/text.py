"""Text from strangers (workers, clouds, pages, the API server), made safe to show in a terminal, log or status."""

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

SLOW_MARK = "slow: "
"""How a plan's warning begins that says what makes a page slow; it is shown after the render too."""
FIELD, PROBLEM = 120, 500
"""Most characters of a field's name and of what is wrong with it."""
# Control sequences of terminals (ECMA-48), whole: those that only a bell or ST ends (titles, links, device control),
# those with parameters (colours, cursor movements), and short escapes. One that never ends is taken to its line's end.
_SEQUENCE = re.compile(
    r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\r\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
# Characters that do not show or turn the direction of what does; but for those that join letters and emoji.
_UNSEEN = frozenset({"Cf", "Cn", "Co", "Cs"})
# Control characters and sequences shorten a text. This many times the characters that are shown are looked at: a text
# of 100 MB takes half a minute otherwise.
_LOOKED_AT = 16
_JOINERS = frozenset({"\N{ZERO WIDTH NON-JOINER}", "\N{ZERO WIDTH JOINER}"})


def one_line(text: str, limit: int, *, keep_start: bool = False) -> str:
    r"""One printable line of at most `limit` characters.

    keep_start: of a longer one the start is kept, not the end, where an error's cause usually is.

    >>> one_line("\x1b]0;owned\x07\x1b[31mred\x1b[0m\nalert", 80)
    'red alert'
    """
    looked_at = _LOOKED_AT * (limit + 16)
    part = text[:looked_at] if keep_start else text[-looked_at:]
    line = " ".join(printable(part).split())
    if len(line) <= limit and len(part) == len(text):
        return line
    return f"{line[: limit - 1]}…" if keep_start else f"…{line[-(limit - 1) :] if limit > 1 else ''}"


def first_problem(error: "ValidationError") -> str:
    """The first field that is wrong and what is wrong with it, in one line: "video.fps: '29.97' is not exact …"."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = one_line(".".join(str(part)[:FIELD] for part in first["loc"]), FIELD)
    return f"{field}: {one_line(first['msg'].removeprefix('Value error, '), PROBLEM, keep_start=True)}".removeprefix(
        ": "
    )


def printable_lines(text: str) -> str:
    r"""The same for a text of several lines, which keeps them, their indentation and its length.

    >>> printable_lines("failed:\n    \x1b[2Jlog: done\r")
    'failed:\n    log: done'
    """
    return "\n".join(printable(line).rstrip() for line in text.split("\n"))


def log_entry(text: str) -> str:
    r"""Lines of text for a log in which each entry begins at a line's start: further lines cannot pass for entries.

    >>> log_entry("failed:\nERROR forged")
    'failed:\n    ERROR forged'
    """
    return printable_lines(text).replace("\n", "\n    ")


def printable(text: str) -> str:
    r"""A text without control sequences and unseen characters, with a space for each control character.

    >>> printable("\x1b[2Jone\ttwo")
    'one two'
    """
    plain = _SEQUENCE.sub("", text).encode(errors="replace").decode()
    return "".join(map(_shown, plain))


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cc":
        return " "
    return "" if category in _UNSEEN and character not in _JOINERS else character
