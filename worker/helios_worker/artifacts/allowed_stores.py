"""Limits which stores and files a worker may use, since whoever may call a cloud function would use its rights.

HELIOS_ALLOWED_STORES holds prefixes, separated by commas: s3://media/artifacts/,s3://media/films/. Artifacts, films and
sources must be under one of them; web pages may be anywhere. Without the variable there is no limit.
"""

import os
import re
from collections.abc import Iterable, Mapping

from helios_worker.artifacts.urls import local_path
from helios_worker.errors import UserError

VARIABLE = "HELIOS_ALLOWED_STORES"
# Characters by which a store's client may understand another address than the one compared here: escapes, control
# characters (some clients drop them), backslashes (some read slashes), queries, and steps upwards.
_AMBIGUOUS = re.compile(r"[%\\?#\x00-\x1f\x7f]|^ | $|/\.{1,2}(/|$)")


class StoreForbidden(UserError):
    """The worker's owner does not let it use this place."""


class AllowedStores:
    """Prefixes of URLs, each meant as a folder: s3://media lets nobody into s3://media-private."""

    def __init__(self, prefixes: Iterable[str] | None) -> None:
        self._prefixes = None if prefixes is None else [_folder(prefix) for prefix in prefixes]

    @classmethod
    def everywhere(cls) -> "AllowedStores":
        """No limits."""
        return cls(None)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "AllowedStores":
        """From HELIOS_ALLOWED_STORES. Unset means no limits; empty allows nothing."""
        text = environment.get(VARIABLE)
        return cls(None if text is None else [part.strip() for part in text.split(",") if part.strip()])

    def check(self, url: str, what: str) -> None:
        """Refuses a place that does not lie under one of the prefixes.

        what: names the place in the message, such as "the output".

        Raises:
            StoreForbidden: the place is not under a prefix.
        """
        if self._prefixes is None:
            return
        if _AMBIGUOUS.search(url) or not any(_folder(url).startswith(prefix) for prefix in self._prefixes):
            raise StoreForbidden(
                f"{what} {url[:200]} is not among the places that this worker may use",
                remedy=f"use another one, or have its owner add it to {VARIABLE}",
            )

    def check_source(self, url: str) -> None:
        """Refuses a source outside of the prefixes, except for web pages, which take no rights to read."""
        if not url.startswith(("http://", "https://")):
            self.check(url, "the source")


def _folder(url: str) -> str:
    path = local_path(url)
    return (path.as_uri() if path is not None else url).rstrip("/") + "/"
