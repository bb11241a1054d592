"""The settings that a page is opened with, and what it declares about its film."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from helios_crds.numbers import exact_number, shown
from helios_crds.request import MAX_FRAMES, MAX_SECONDS, MAX_SIDE
from helios_crds.words import USUAL_COLOR_SCHEME, USUAL_LOCALE, USUAL_TIME_ZONE
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
    time_zone, locale, color_scheme: such as Europe/Berlin, de-DE and dark.
    wait_for: CSS selector of an element that must be there before frame 0; "" for none.
    hears: seconds of the film, if the page is to note what is heard of it; 0 if not.
    hears_long: whether its AudioContexts can play as long as the film, also where it makes many.
    looks_at_sound: whether its AudioContexts render from the start, since it reads what comes of that.
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
    time_zone: str = USUAL_TIME_ZONE
    locale: str = USUAL_LOCALE
    color_scheme: str = USUAL_COLOR_SCHEME
    wait_for: str = ""
    hears: float = 0.0
    hears_long: bool = False
    looks_at_sound: bool = False


@dataclass(frozen=True)
class Declared:
    """What a page declares about its film; None where it declares nothing.

    duration: in seconds.
    is_composition: whether it is a composition of HyperFrames: its film lasts until a frame begins after its duration.
    """

    width: int | None = None
    height: int | None = None
    fps: str | None = None
    duration: float | None = None
    frames: int | None = None
    is_composition: bool = False

    @classmethod
    def parse(cls, declared: Any) -> "Declared":
        """Parses the values as the page writes them, by name.

        Raises:
            PageError: a declared value is not a number, or is out of range.
        """
        given = declared if isinstance(declared, Mapping) else {}
        return cls(
            width=_number("width", given.get("width"), MAX_SIDE),
            height=_number("height", given.get("height"), MAX_SIDE),
            frames=_number("frames", given.get("frames"), MAX_FRAMES),
            duration=_seconds(given.get("duration")),
            is_composition=given.get("isComposition") is True,
            fps=None if given.get("fps") is None else _text(given["fps"]) or _quoted(given["fps"]),
        )


def _number(name: str, value: Any, largest: int) -> int | None:
    if value is None:
        return None
    number = exact_number(_text(value))
    if number is not None and 0 < number <= largest and number.denominator == 1:
        return int(number)
    raise PageError(
        f'the page declares data-{name}="{_quoted(value)}"', remedy=f"write a whole number from 1 to {largest}"
    )


def _seconds(value: Any) -> float | None:
    """Seconds from 12, "12", "1.5s" or "800ms"."""
    if value is None:
        return None
    match = _DURATION.fullmatch(_text(value))
    number = None if match is None else exact_number(match.group(1))
    if match is None or number is None or not 0 < number <= MAX_SECONDS:
        raise PageError(
            f'the page declares data-duration="{_quoted(value)}"', remedy='write seconds, such as "12" or "1.5s"'
        )
    return float(number) / (1000 if match.group(2) == "ms" else 1)


LONGEST_NUMBER = 100
_DURATION = re.compile(r"\s*([0-9.eE+-]{1,60}?)\s*(ms|s|)\s*")


def _text(value: Any) -> str:
    """A declared text or number as text; "" for what is neither, or is too long for a number."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_NUMBER else ""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return repr(value) if is_number and abs(value) < 10**LONGEST_NUMBER else ""


def _quoted(value: Any) -> str:
    return shown(plain(value) if isinstance(value, str) else value)
