"""Times and frames on the command line: one grammar for every option.

- A *time* has a unit or a colon: 2.5s, 500ms, 10m, 1h30m, 7d, 1:30, 1:02:03.5.
- A *frame* is a whole number: 75. The first frame is 0.
- A *range* is A:B or A..B, both frames or both times; B is the frame or time after the last. Either may be left out.

So a number alone never means seconds where it could mean frames: --duration 10 is refused, --at 10 is frame 10. Options
that only wait or limit (--frame-timeout, --target-seconds, --timeout) know no frames; there a number alone is seconds.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from typing import Any

from helios_crds.numbers import shown, whole_number
from helios_crds.times import HOW, parse_time, plain_number
from helios_worker.errors import UserError

RANGE_HOW = "write 30:120 for frames 30 to 119, or 2s:5.5s or 1:00..1:30 for times"
# What people write between two ends that is neither : nor ..
_BETWEEN = re.compile(r"(?<=\w)\s*(?:-|–|…|,|\bto\b|\s)\s*(?=[\w.])")


def seconds(text: str, *, option: str, kind: str = "time") -> Fraction:
    """A time in seconds, such as 2.5s or 1:30.

    kind: what the option takes, for the message.

    Raises:
        UserError: the text is not a time; the remedy says how to write it.
    """
    found = parse_time(text)
    if found is not None:
        return found
    number = plain_number(text)
    if number is None:
        raise UserError(f"{option} {shown(text)} is not a valid {kind}", remedy=HOW)
    with_unit = f"{shown(text.strip())}s"
    remedy = f"write {option} {with_unit} for seconds"
    if option == "--duration" and number.denominator == 1:
        remedy += f", or --frames {shown(text.strip())} for frames"
    raise UserError(f"{option} {shown(text)} has no unit", remedy=remedy)


def waiting(option: str) -> Callable[[Any], float]:
    """What reads an option that waits or limits: a time, or a number of seconds."""

    def read(given: Any) -> float:
        """The seconds of a text; another value is a default."""
        if not isinstance(given, str):
            return float(given)
        number = plain_number(given)
        return float(seconds(given, option=option) if number is None else number)

    return read


def whole_waiting(option: str) -> Callable[[Any], int]:
    """What reads a limit that the other side takes in whole seconds only."""
    read = waiting(option)

    def read_whole(given: Any) -> int:
        """The seconds of a text; another value is a default."""
        found = read(given)
        if found != int(found):
            raise UserError(
                f"{option} {shown(given)} is not a whole number of seconds", remedy="write it like 90 or 15m"
            )
        return int(found)

    return read_whole


def count_of_frames(given: Any) -> int:
    """What reads --frames: a whole number.

    Raises:
        UserError: it is a time or a range, which other options take, or none of them.
    """
    if not isinstance(given, str):
        return int(given)
    number = whole_number(given.strip())
    if number is not None:
        return number
    if parse_time(given) is not None:
        remedy = f"write --duration {given.strip()} for a length in time"
    elif (meant := _range_meant(given)) is not None:
        remedy = f"write --range {meant} for a part of the film"
    else:
        remedy = "write a whole number, such as --frames 300"
    raise UserError(f"--frames {shown(given)} is not a number of frames", remedy=remedy)


def age(text: str, *, option: str) -> timedelta:
    """A time as a timedelta, such as 30m, 12h, 7d or 4w.

    Raises:
        UserError: the text is not a time, or is longer than a calendar.
    """
    found = parse_time(text)
    if found is None:
        number = plain_number(text)
        remedy = HOW if number is None else f"write it with its unit: {shown(text)}s, {shown(text)}h or {shown(text)}d"
        raise UserError(f"{option} {shown(text)} is not a valid duration", remedy=remedy)
    try:
        return timedelta(seconds=float(found))
    except OverflowError:
        raise UserError(f"{option} {shown(text)} is too long", remedy="write a shorter one, such as 4w") from None


def frame_at(text: str, fps: Fraction, *, option: str) -> int:
    """A frame number: as given, or of the frame shown at a time such as 2.5s.

    Raises:
        UserError: the text is neither.
    """
    frame, moment = whole_number(text.strip()), parse_time(text)
    if frame is not None:
        return frame
    if moment is not None:
        return int(moment * fps)
    if plain_number(text) is not None:
        remedy = f"write {shown(text.strip())}s for a time; a frame is a whole number"
    else:
        remedy = "write 75 for a frame, or 2.5s or 1:30 for a time"
    raise UserError(f"{option} {shown(text)} is not a frame number or a time", remedy=remedy)


def read_range(text: str) -> dict[str, Any]:
    """The request's range or rangeSeconds.

    Raises:
        UserError: the text is not a range; the remedy says how to write it.
    """
    found = range_in(text)
    if found is not None:
        return found
    meant = _range_meant(text)
    remedy = RANGE_HOW if meant is None else f"write --range {meant}; {RANGE_HOW.removeprefix('write ')}"
    raise UserError(f"--range {shown(text)} is not a valid range", remedy=remedy)


def range_in(text: str) -> dict[str, Any] | None:
    """The request's range or rangeSeconds in a text; None if it is not a range, or could be several.

    >>> range_in("30:120"), range_in("1:00:1:10"), range_in("1:00..1:30")
    ({'range': (30, 120)}, {'rangeSeconds': (60.0, 70.0)}, {'rangeSeconds': (60.0, 90.0)})
    """
    text = text.strip()
    if len(text) > 200:
        return None
    if ".." in text:
        start, _, end = text.partition("..")
        return _ends(start.strip(), end.strip())
    # A colon is also within times such as 1:30, so each may be the one between the ends.
    places = [place for place, character in enumerate(text) if character == ":"]
    found = [ends for place in places if (ends := _ends(text[:place].strip(), text[place + 1 :].strip())) is not None]
    return found[0] if len(found) == 1 else None


def _range_meant(text: str) -> str | None:
    """A range as it should be written, for one with another separator; None for a text that is none."""
    meant = (_BETWEEN.sub(separator, text.strip(), count=1) for separator in (":", ".."))
    return next((shown(candidate) for candidate in meant if range_in(candidate) is not None), None)


def _ends(start: str, end: str) -> dict[str, Any] | None:
    """Two frames or two times; "" for an end that is left out."""
    given = [text for text in (start, end) if text]
    if not given:
        return None
    if all(whole_number(text) is not None for text in given):
        return {"range": (int(start or 0), int(end) if end else None)}
    first, last = (parse_time(text) if text else None for text in (start, end))
    if (first is None and start) or (last is None and end):
        return None
    return {"rangeSeconds": (float(first or 0), None if last is None else float(last))}
