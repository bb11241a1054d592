"""The settings that a page is opened with, and what it declares about its film."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from helios_worker.capture.faults import PageError
from helios_worker.capture.messages import plain


@dataclass(frozen=True)
class PageSettings:
    """The settings that a page is opened with.

    width, height: of the picture, in CSS pixels, one device pixel each.
    fps: frames per second; frame n is at n / fps seconds.
    picture: "jpeg" (4:2:0) or "png" (exact).
    quality: of JPEG, 1 to 100 (docs/decisions/0009).
    frame_timeout: seconds of real time after which a frame counts as stuck.
    page_errors: "fail" ends the render on an uncaught error or a missing file, "warn" goes on.
    """

    width: int
    height: int
    fps: Fraction
    props: Any = None
    seed: int = 0
    picture: Literal["jpeg", "png"] = "jpeg"
    quality: int = 95
    frame_timeout: float = 30.0
    page_errors: Literal["fail", "warn"] = "fail"


@dataclass(frozen=True)
class Declared:
    """What a page declares about its film; None where it declares nothing. duration in seconds."""

    width: int | None = None
    height: int | None = None
    fps: str | None = None
    duration: float | None = None
    frames: int | None = None

    @classmethod
    def parse(cls, declared: Mapping[str, Any]) -> "Declared":
        """Parses the values as the page writes them, by name.

        Raises:
            PageError: a declared value is not a number.
        """
        return cls(
            width=_number("width", declared["width"]),
            height=_number("height", declared["height"]),
            frames=_number("frames", declared["frames"]),
            duration=_seconds(declared["duration"]),
            fps=None if declared["fps"] is None else str(declared["fps"]),
        )


def _number(name: str, value: Any) -> int | None:
    if value is None:
        return None
    try:
        number = float(value)
        if number == int(number) and number > 0:
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise PageError(f'the page declares data-{name}="{plain(str(value))}"', remedy="write a whole number above 0")


def _seconds(value: Any) -> float | None:
    """Seconds from 12, "12", "1.5s" or "800ms"."""
    match = None if value is None else re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*(ms|s|)\s*", str(value))
    if value is not None and (match is None or float(match.group(1)) == 0):
        raise PageError(
            f'the page declares data-duration="{plain(str(value))}"', remedy='write seconds, such as "12" or "1.5s"'
        )
    return None if match is None else float(match.group(1)) / (1000 if match.group(2) == "ms" else 1)
