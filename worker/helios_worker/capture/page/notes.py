"""What the clock tells the driver beside its replies, through a binding that the page can call, too."""

from dataclasses import dataclass
from typing import Any

import orjson

from helios_worker.capture.messages import plain

LONGEST_NOTE = 1 << 20
SOURCES_READ = 20


@dataclass(frozen=True)
class Unplayable:
    """A video or sound that cannot be shown.

    addresses: of the file, or of the files of which one should do. reason: the browser's code and words for it.
    is_handled: whether the page listens to the errors of the element.
    """

    addresses: tuple[str, ...]
    reason: str
    is_handled: bool


@dataclass(frozen=True)
class ClockNote:
    """What a clock tells. "" or None where it does not.

    text: a warning for the plan. ignore: address of a request that no frame waits for.
    abortable: address of a request that the page may give up by itself.
    fault, remedy: what the page does that a film cannot show, and what its author can do. It counts as an error of the
    page, or refuses the page for good if is_final.
    unplayable: a video or sound.
    drawn: whether every frame of the page is to be drawn, captured or not: it has made an image of several pictures, or
    something else whose look depends on when it was drawn first.
    leaving: whether a refresh is the reason for which the page is about to leave its document; None where it stays.
    traverses: whether a script goes through the history.
    undecodable: key of an image that failed, of which no request may tell: a data: or blob: URL.
    """

    text: str = ""
    ignore: str = ""
    abortable: str = ""
    fault: str = ""
    remedy: str = ""
    is_final: bool = False
    unplayable: Unplayable | None = None
    drawn: bool = False
    leaving: bool | None = None
    traverses: bool = False
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
        fault=plain(_text(told, "fault")),
        remedy=plain(_text(told, "remedy")),
        is_final=told.get("isFinal") is True,
        unplayable=_unplayable(told.get("unplayable")),
        drawn=told.get("drawn") is True,
        leaving=told["leaving"] if isinstance(told.get("leaving"), bool) else None,
        traverses=told.get("traverses") is True,
        undecodable=_text(told, "undecodable"),
    )


def _unplayable(told: Any) -> Unplayable | None:
    addresses = told.get("addresses") if isinstance(told, dict) else None
    if not isinstance(addresses, list) or not addresses:
        return None
    texts = tuple(each for each in addresses[:SOURCES_READ] if isinstance(each, str))
    return Unplayable(texts, _text(told, "reason"), told.get("isHandled") is True)


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""
