"""The fonts that come with the worker, for compositions of HyperFrames that name them and bring none.

The page's clock puts their style sheet into such a composition (clock/composition_fonts.js), and the browser's site
serves the files. `make fonts` makes them.
"""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

FOLDER = Path(__file__).parents[2] / "fonts"
STYLE_SHEET = FOLDER / "fonts.css"
_FAMILY = re.compile(r'font-family:"([^"]*)"')
# What a composition loads them by if it does not know that they are here.
SERVICE = "fonts.googleapis.com"


def find(path: str) -> Path | None:
    """The file of a font, or their style sheet, by its name."""
    file = FOLDER / path
    return file if "/" not in path and file.is_file() else None


def families_asked(url: str) -> tuple[str, ...]:
    """The families that an address of Google Fonts asks for; () for any other address.

    >>> families_asked("https://fonts.googleapis.com/css2?family=Nunito:wght@900&family=Open+Sans")
    ('Nunito', 'Open Sans')
    >>> families_asked("https://fonts.googleapis.com/css?family=Lato:400,700|Roboto"), families_asked("https://a.example/")
    (('Lato', 'Roboto'), ())
    """
    address = urlsplit(url)
    if address.hostname != SERVICE:
        return ()
    asked = "|".join(parse_qs(address.query).get("family", ()))
    return tuple(each.partition(":")[0].strip() for each in asked.split("|") if each)


def lent(url: str) -> str:
    """The style sheet that is in the place of Google Fonts' where they cannot be reached; "" if not all of it is here.

    It declares what was asked for and nothing else: the page may have fonts of its own for the other families.
    """
    asked = {family.lower() for family in families_asked(url)}
    rules: dict[str, list[str]] = {}
    for rule in STYLE_SHEET.read_text().splitlines() if asked else ():
        for family in _FAMILY.findall(rule):
            rules.setdefault(family.lower(), []).append(rule)
    known = asked & rules.keys()
    return "\n".join(rule for family in sorted(known) for rule in rules[family]) if known == asked else ""
