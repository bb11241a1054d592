"""What the clock tells the driver beside its replies, through a binding that the page can call, too."""

from dataclasses import dataclass
from typing import Any

import orjson

from helios_worker.capture.messages import plain

LONGEST_NOTE = 1 << 20


@dataclass(frozen=True)
class ClockNote:
    """What a clock tells. "" where it does not.

    text: a warning for the plan. ignore: address of a request that no frame waits for.
    abortable: address of a request that the page may give up by itself.
    leaving: whether a refresh is the reason for which the page is about to leave its document; None where it stays.
    traverses: whether a script goes through the history.
    """

    text: str = ""
    ignore: str = ""
    abortable: str = ""
    leaving: bool | None = None
    traverses: bool = False


def clock_note(payload: str) -> ClockNote:
    """Reads a note. Whatever is not one, which only the page itself can have sent, is an empty note.

    >>> clock_note('{"text": "the page plays sound"}').text, clock_note("no json").text, clock_note('{"text": 5}').text
    ('the page plays sound', '', '')
    """
    if len(payload) > LONGEST_NOTE:
        return ClockNote(text=plain(payload))
    try:
        told = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return ClockNote()
    if not isinstance(told, dict):
        return ClockNote()
    return ClockNote(
        text=plain(_text(told, "text")),
        ignore=_text(told, "ignore"),
        abortable=_text(told, "abortable"),
        leaving=told["leaving"] if isinstance(told.get("leaving"), bool) else None,
        traverses=told.get("traverses") is True,
    )


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""
