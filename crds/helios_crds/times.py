"""Times as people write them: 2.5s, 500ms, 1h30m, 7d, 1:30, 1:02:03.5.

A time always has a unit or a colon. A number alone is none: who reads it decides whether it counts frames or seconds,
or whether to refuse it.
"""

import re
from fractions import Fraction
from itertools import pairwise

from helios_crds.numbers import shown

UNITS = {
    "w": Fraction(604_800),
    "d": Fraction(86_400),
    "h": Fraction(3_600),
    "m": Fraction(60),
    "s": Fraction(1),
    "ms": Fraction(1, 1000),
}
HOW = "write it like 2.5s, 500ms, 10m, 1h30m or 1:30"
LONGEST = 64
"""Characters of a time."""

_NUMBER = r"(?:[0-9]{1,12}(?:\.[0-9]{1,18})?|\.[0-9]{1,18})"
_PLAIN = re.compile(_NUMBER)
_PART = re.compile(rf"({_NUMBER})(ms|[wdhms])")
_PARTS = re.compile(rf"(?:{_PART.pattern})+")
_CLOCK = re.compile(r"(?:([0-9]{1,9}):)?([0-9]{1,9}):([0-9]{1,2}(?:\.[0-9]{1,18})?)")


def parse_time(text: str) -> Fraction | None:
    """The seconds that a text stands for; None if it is not a time.

    >>> [str(parse_time(text)) for text in ("2.5s", "500ms", "1h30m", "1:30", "1:02:03.5")]
    ['5/2', '1/2', '5400', '90', '7447/2']
    >>> parse_time("10"), parse_time("30m1h"), parse_time("1:75")
    (None, None, None)
    """
    text = text.strip()
    if len(text) > LONGEST:
        return None
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        hours, minutes, seconds = clock[1], int(clock[2]), Fraction(clock[3])
        is_valid = seconds < 60 and (hours is None or minutes < 60)
        return int(hours or 0) * 3600 + minutes * 60 + seconds if is_valid else None
    if _PARTS.fullmatch(text) is None:
        return None
    parts = _PART.findall(text)
    sizes = [UNITS[unit] for _, unit in parts]
    if any(size <= smaller for size, smaller in pairwise(sizes)):
        return None
    return sum((Fraction(number) * size for (number, _), size in zip(parts, sizes, strict=True)), Fraction(0))


def plain_number(text: str) -> Fraction | None:
    """A decimal number without a unit; None for any other text.

    >>> plain_number("2.5"), plain_number("2.5s"), plain_number("1e3")
    (Fraction(5, 2), None, None)
    """
    text = text.strip()
    return Fraction(text) if len(text) <= LONGEST and _PLAIN.fullmatch(text) else None


def exact_rate(text: str) -> str:
    """A frame rate as a whole number or a fraction of whole numbers: "0.5" is 1/2. Other texts come back as they are.

    Raises:
        ValueError: the number is a rounded one, such as 29.97, which stands for 30000/1001.
    """
    number = plain_number(text)
    if number is None or (number.denominator == 1 and "." not in text):
        return text
    meant = broadcast_rate(number)
    if meant is not None and meant != number:
        raise ValueError(f"{shown(text)} is not exact: write {meant}, which it stands for")
    return str(number)


def broadcast_rate(fps: Fraction) -> Fraction | None:
    """The television rate that a rounded number stands for, such as 30000/1001 for 29.97; None if it is another rate.

    >>> broadcast_rate(Fraction("23.98")), broadcast_rate(Fraction(24)), broadcast_rate(Fraction("12.5"))
    (Fraction(24000, 1001), None, None)
    """
    rates = (Fraction(whole * 1000, 1001) for whole in (24, 30, 48, 60, 120) if fps != whole)
    return next((rate for rate in rates if abs(fps - rate) < Fraction(1, 200)), None)
