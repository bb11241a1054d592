"""Text from strangers, made one printable line."""

import re
import unicodedata

_TERMINAL = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]")  # colours and cursor movements


# Characters that do not show, and turn the direction of what does: all but those that join letters and emoji.
_UNSEEN = frozenset({"Cf", "Cn", "Co", "Cs"})


_JOINERS = frozenset({"\N{ZERO WIDTH NON-JOINER}", "\N{ZERO WIDTH JOINER}"})


def clean(text: str, limit: int) -> str:
    """One printable line of at most `limit` characters; of a longer one the end, where the error is."""
    plain = _TERMINAL.sub("", text).encode(errors="replace").decode()
    line = " ".join("".join(map(_shown, plain)).split())
    return line if len(line) <= limit else f"…{line[1 - limit :]}"


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cc":
        return " "
    return "" if category in _UNSEEN and character not in _JOINERS else character
