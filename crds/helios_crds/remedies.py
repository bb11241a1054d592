"""Remedies that name a setting, each in the words of whoever reads them.

An error of a worker may be read by the author of a RenderJob, at a command line, or in a log. What can be set is the
same and is called differently: spec.composition.seeking, --seeking. So a worker names the setting by a mark, and
whoever shows the text replaces the marks:

    >>> text = f"try {setting('composition.seeking', 'Stateful')}"
    >>> in_spec(text), in_flags(text), in_request(text)
    ('try spec.composition.seeking: Stateful', 'try --seeking Stateful', 'try composition.seeking: Stateful')

A reply has the text with marks as `remedy` in its result, and its stderr ends with the same in the request's words.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

FLAGS: Mapping[str, str] = {
    "composition.entry": "--entry",
    "composition.props": "--props",
    "composition.seeking": "--seeking",
    "composition.pageErrors": "--page-errors",
    "composition.timeZone": "--timezone",
    "composition.locale": "--locale",
    "composition.colorScheme": "--color-scheme",
    "composition.waitFor": "--wait-for",
    "composition.headersFrom": "--headers-from",
    "video.width": "--width",
    "video.height": "--height",
    "video.fps": "--fps",
    "video.duration": "--duration",
    "video.frames": "--frames",
    "chunking.frames": "--frames-per-chunk",
    "chunking.targetDuration": "--target-seconds",
    "execution.frameTimeout": "--frame-timeout",
    "artifacts.url": "--artifacts",
    "output.url": "-o",
}
"""The fields of a RenderJob's spec that a remedy may name, with the options of the command line."""
_MARK = re.compile(r"\{([a-zA-Z]+\.[a-zA-Z]+)(?:: ([^{}]*))?\}")


def setting(field: str, value: str = "") -> str:
    """The mark of a setting. field: one of FLAGS. value: what to set it to, as the RenderJob writes it; "" for none."""
    assert field in FLAGS, field
    return f"{{{field}: {value}}}" if value else f"{{{field}}}"


def in_spec(text: str) -> str:
    """A text for the author of a RenderJob."""
    return _phrased(text, lambda field, value: f"spec.{field}: {value}" if value else f"spec.{field}")


def in_flags(text: str) -> str:
    """A text for the command line."""
    return _phrased(text, lambda field, value: f"{FLAGS[field]} {value}" if value else FLAGS[field])


def in_request(text: str) -> str:
    """A text for who calls a worker directly, or reads its log: the fields of the request."""
    return _phrased(text, lambda field, value: f"{field}: {value}" if value else field)


def message_and_remedy(result: Mapping[str, Any], said: str) -> tuple[str, str]:
    """A failure's message, and its remedy with marks.

    result: of the reply. said: the whole text, which ends with the remedy unless it was cut.
    """
    remedy = result.get("remedy")
    if not isinstance(remedy, str) or not remedy or not said.endswith(f"; {in_request(remedy)}"):
        return said, ""
    return said.removesuffix(f"; {in_request(remedy)}"), remedy


def _phrased(text: str, phrase: Callable[[str, str], str]) -> str:
    """A text with its marks replaced. Braces that are no mark stay as they are."""

    def replaced(mark: re.Match[str]) -> str:
        return phrase(mark[1], mark[2] or "") if mark[1] in FLAGS else mark[0]

    return _MARK.sub(replaced, text)
