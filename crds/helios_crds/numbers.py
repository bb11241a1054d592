"""Numbers as strangers write them: pages, callers, servers. Shape and length are checked before anything is computed.

Python computes whatever it is given: `Fraction("1e30000000")` takes minutes, and nothing can interrupt it. `int`
refuses more than 4,300 digits with a ValueError that is meant for programmers.
"""

import re
from fractions import Fraction
from typing import Any

SHOWN = 40
_WHOLE = re.compile(r"[0-9]{1,18}")
# At most 10^±99, so that the fraction has a few hundred digits at most.
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,20}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,2})?")
_QUOTIENT = re.compile(r"([0-9]{1,18})/([0-9]{1,18})")


def whole_number(text: str) -> int | None:
    """A whole number of at most 18 decimal digits; None for any other text.

    >>> whole_number("75"), whole_number("-1"), whole_number("²"), whole_number("9" * 5000)
    (75, None, None, None)
    """
    return int(text) if _WHOLE.fullmatch(text) else None


def exact_number(text: str) -> Fraction | None:
    """A decimal number, also with a short exponent, or a quotient of two whole numbers. None for any other text.

    >>> exact_number("29.97"), exact_number("30000/1001"), exact_number("1e3"), exact_number("1e30000000")
    (Fraction(2997, 100), Fraction(30000, 1001), Fraction(1000, 1), None)
    """
    text = text if len(text) > 4 * SHOWN else text.strip()
    quotient = _QUOTIENT.fullmatch(text)
    if quotient is not None:
        return Fraction(int(quotient[1]), int(quotient[2])) if int(quotient[2]) else None
    return Fraction(text) if _DECIMAL.fullmatch(text) else None


def shown(value: Any) -> str:
    """A stranger's value as a message quotes it: no longer than SHOWN characters, whatever the value is.

    >>> shown("fast"), shown("9" * 400)
    ('fast', '999999999999999999999999999999999999999…')
    """
    text = value if isinstance(value, str) else _text(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def _text(value: Any) -> str:
    if isinstance(value, int) and abs(value) >= 10**SHOWN:
        return "a number of more than 40 digits"
    return str(value)
