"""Paths within a composition, and what follows them in an address: one rule for API, command line and worker."""

import re
import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from helios_crds.base import Shape, Without

MAX_PATH = 512
"""Characters."""

PATH_TEXT = (
    "must be a path within the composition, such as pages/index.html: "
    "without .. in it, without \\ and control characters, and with names as they are, not escaped as %20"
)
_ESCAPE = "%[0-9A-Fa-f]{2}"
# The same in CEL, whose matches() finds a part, too. RE2 and Python read the pattern alike.
PATH_RULES: dict[str, Any] = {
    "x-kubernetes-validations": [
        {
            "rule": "!self.split('/').exists(part, part in ['', '.', '..']) && "
            rf"!self.matches(r'[\\\x00-\x1f\x7f-\x9f\x{{2028}}\x{{2029}}]|{_ESCAPE}')",
            "message": PATH_TEXT,
        }
    ]
}


def stays_inside(path: str) -> bool:
    """Whether a path of a file that is there leads nowhere out of its folder, whatever characters its names have."""
    return not {"", ".", ".."} & set(path.split("/")) and "\0" not in path


def inner_path(path: str) -> str:
    """The same path, if it stays within a composition whoever reads it: a client of a store, a browser, a file system.

    Raises:
        ValueError: it is empty, absolute, leads upwards or nowhere, or could be read in two ways.
    """
    if len(path) > MAX_PATH or not stays_inside(path) or re.search(rf"\\|{_ESCAPE}", path):
        raise ValueError(PATH_TEXT)
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in path):
        raise ValueError(PATH_TEXT)
    return path


InnerPath = Annotated[
    str, Field(min_length=1, max_length=MAX_PATH, json_schema_extra=PATH_RULES), AfterValidator(inner_path)
]

MAX_QUERY = 2048
"""Characters."""

Query = Annotated[
    str,
    Field(max_length=MAX_QUERY),
    Without(r"[\x00-\x20\x7f]", "must be without spaces and control characters: write %20 for a space"),
    Shape(r"^(\?[^#]*)?(#.*)?$", "must be a query, a fragment or both, such as ?lang=de#intro"),
]
"""What follows the page's path in its address."""


def split_query(address: str) -> tuple[str, str]:
    """An address without its query and fragment, and those two.

    >>> split_query("s3://media/teaser/page.html?lang=de#intro"), split_query("page.html#x?y"), split_query("page.html")
    (('s3://media/teaser/page.html', '?lang=de#intro'), ('page.html', '#x?y'), ('page.html', ''))
    """
    path = re.split("[?#]", address, maxsplit=1)[0]
    return path, address[len(path) :]
