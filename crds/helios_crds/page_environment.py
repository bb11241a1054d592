"""The environment of a page that its caller may choose: time zone, language, colour scheme, and what it waits for.

A RenderJob, a request and a job.json have these fields under the same names, and all of them leave out what is not
chosen. What is chosen as it is anyway (UTC) counts as not chosen. So one film has one job.json, one key and the bytes
that it had before these fields existed.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from helios_crds.base import Shape, Without
from helios_crds.words import USUAL_COLOR_SCHEME, USUAL_LOCALE

MAX_SELECTOR = 1024
ENVIRONMENT = ("timeZone", "locale", "colorScheme", "waitFor")
"""The names of the fields."""

TIME_ZONE_SHAPE = Shape(
    r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$",
    "must be the name of a time zone, such as Europe/Berlin, America/New_York or UTC",
)
LOCALE_SHAPE = Shape(
    "^[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?$",
    "must be a language with its region, such as de-DE, pt-BR or zh-Hant-TW",
)
ONE_LINE = Without(r"[\x00-\x1f\x7f]", "must be one line without control characters")
WRITTEN = Shape(r"\S", "must be a CSS selector, such as #ready or body.loaded")
ZONES_ARE_UTC = frozenset({"utc", "etc/utc", "uct", "etc/uct", "zulu", "etc/zulu", "universal", "etc/universal"})


def check_time_zone(name: str) -> str | None:
    """A time zone; None for UTC. Whether there is such a zone the browser says, since its own data shape the page.

    >>> check_time_zone("Europe/Berlin"), check_time_zone("Etc/UTC")
    ('Europe/Berlin', None)
    """
    return None if name.lower() in ZONES_ARE_UTC else name


def check_locale(tag: str) -> str | None:
    """A language tag as browsers write it; None for en-US.

    >>> check_locale("zh-hant-tw"), check_locale("en-us")
    ('zh-Hant-TW', None)
    """
    language, *rest = tag.split("-")
    written = "-".join([language.lower(), *(part.title() if len(part) == 4 else part.upper() for part in rest)])
    return None if written == USUAL_LOCALE else written


def _dashed(tag: Any) -> Any:
    if isinstance(tag, str) and re.fullmatch(r"[A-Za-z]{2,3}(_[A-Za-z0-9]{2,4})+", tag):
        raise ValueError(f"{tag!r} is no language tag: write {tag.replace('_', '-')}")
    return tag


TimeZoneName = Annotated[str, Field(max_length=64), TIME_ZONE_SHAPE]
LocaleTag = Annotated[str, Field(max_length=16), LOCALE_SHAPE]
ColorSchemeName = Literal["light", "dark"]
Selector = Annotated[str, Field(min_length=1, max_length=MAX_SELECTOR), ONE_LINE, WRITTEN]
"""As the author of a RenderJob writes them; the schema has the same rules."""


def _unless_usual(name: ColorSchemeName) -> ColorSchemeName | None:
    return None if name == USUAL_COLOR_SCHEME else name


def is_unset(value: object) -> bool:
    """Whether a field is left out of the JSON of a request and of a job."""
    return value is None


_LEFT_OUT: Any = Field(default=None, exclude_if=is_unset)
TimeZone = Annotated[Annotated[TimeZoneName, AfterValidator(check_time_zone)] | None, _LEFT_OUT]
Locale = Annotated[Annotated[LocaleTag, BeforeValidator(_dashed), AfterValidator(check_locale)] | None, _LEFT_OUT]
ColorScheme = Annotated[Annotated[ColorSchemeName, AfterValidator(_unless_usual)] | None, _LEFT_OUT]
WaitFor = Annotated[Selector | None, _LEFT_OUT]
"""As a request and a job have them."""
