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
    undecodable: address of an image that failed, of which no request tells: a data: or blob: URL.
    """

    text: str = ""
    ignore: str = ""
    abortable: str = ""
    undecodable: str = ""


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
        undecodable=_text(told, "undecodable"),
    )


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""
