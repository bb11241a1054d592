"""Leaves the comments of a stranger's text out, in a time by the length of the text, whatever it holds."""

import re
from collections.abc import Mapping


def without_comments(text: str, beginnings: re.Pattern[str], ends: Mapping[str, str]) -> str:
    """A text whose comments are gone, but for their line ends. One that does not end counts as text.

    beginnings: matches where a comment begins; a match that is no key of `ends` is the whole comment.
    ends: how comments end, by how they begin.

    >>> without_comments("a /* b */ c /* d", re.compile(r"/[*]"), {"/*": "*/"})
    'a  c /* d'
    """
    parts, kept, at = [], 0, 0
    endless: set[str] = set()  # a search that has failed once fails from there on
    while begin := beginnings.search(text, at):
        at = begin.end()
        closing = ends.get(begin[0])
        if closing is not None:
            end = -1 if closing in endless else text.find(closing, at)
            if end < 0:
                endless.add(closing)
                continue
            at = end + len(closing)
        parts += [text[kept : begin.start()], "\n" * text.count("\n", begin.start(), at)]
        kept = at
    return "".join((*parts, text[kept:]))
