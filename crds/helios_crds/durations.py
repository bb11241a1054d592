"""Durations as the API writes them: 90s, 1h30m, 250ms.

A pattern of our own, because the schema format `duration` also takes "1 week" and "-5m".
"""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from helios_crds.base import rules

MAX_LENGTH = 24
PATTERN = r"^([0-9]{1,5}h)?([0-9]{1,7}m)?([0-9]{1,9}(\.[0-9]{1,3})?s)?([0-9]{1,9}ms)?$"
_SHAPE = f"self != '' && self.matches(r'{PATTERN}')"
ANY_LENGTH = rules((_SHAPE, "must be a duration: write 90s, 1h30m or 250ms"))
ABOVE_ZERO = rules(
    (
        f"{_SHAPE} && duration(self) > duration('0s')",
        "must be a duration above zero: write 90s, 1h30m or 250ms",
    )
)

_PARTS = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """The time that a duration stands for.

    Raises:
        ValueError: the text is not a duration.
    """
    found = _PARTS.fullmatch(text)
    if not text or found is None or not re.fullmatch(PATTERN, text):
        raise ValueError(f"{text!r} is not a valid duration: write 90s, 1h30m or 250ms")
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in found.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds)


def _positive(text: str) -> str:
    if parse_duration(text) <= timedelta(0):
        raise ValueError(f"{text!r} must be above zero: write 90s or 1h30m")
    return text


def _valid(text: str) -> str:
    parse_duration(text)
    return text


MaybeZero = Annotated[str, Field(max_length=MAX_LENGTH, json_schema_extra=ANY_LENGTH), AfterValidator(_valid)]
Duration = Annotated[str, Field(max_length=MAX_LENGTH, json_schema_extra=ABOVE_ZERO), AfterValidator(_positive)]
