"""Limits which stores and files a worker may use, since whoever may call a cloud function would use its rights.

HELIOS_ALLOWED_STORES holds prefixes, separated by commas: s3://media/artifacts/,s3://media/films/. Artifacts, films and
sources must be under one of them; web pages may be anywhere. Where strangers can reach a worker, nothing is allowed
without the variable; elsewhere there is no limit without it.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from helios_crds.addresses import InvalidAddress, StoreAddress, is_web, shown
from helios_worker.artifacts.urls import resolved, store_address
from helios_worker.errors import UserError

VARIABLE = "HELIOS_ALLOWED_STORES"
EXAMPLE = f"{VARIABLE}=s3://media/artifacts/,s3://media/films/"
UNSET = f"{VARIABLE} is not set, so this worker may use no store: set it to the stores it is for, such as {EXAMPLE}"


class StoreForbidden(UserError):
    """The worker's owner does not let it use this place."""


class AllowedStores:
    """Prefixes of URLs, each meant as a folder: s3://media lets nobody into s3://media-private."""

    def __init__(self, prefixes: Iterable[str] | None, *, remedy: str = "") -> None:
        """Reads the prefixes; None allows every place.

        remedy: what a refused caller can do, instead of asking for one more prefix.

        Raises:
            UserError: one of them is not the address of a store.
        """
        self._folders = None if prefixes is None else [store_address(prefix) for prefix in prefixes]
        self._remedy = remedy or f"use another one, or have its owner add it to {VARIABLE}"

    @classmethod
    def everywhere(cls) -> "AllowedStores":
        """No limits."""
        return cls(None)

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] = os.environ, *, serves_strangers: bool = False
    ) -> "AllowedStores":
        """From HELIOS_ALLOWED_STORES; empty allows nothing.

        serves_strangers: whoever reaches the worker may call it. Unset then allows nothing, elsewhere everything.

        Raises:
            UserError: one of the prefixes is not the address of a store.
        """
        text = environment.get(VARIABLE)
        if text is None:
            return cls([], remedy=f"its owner has to set {VARIABLE}") if serves_strangers else cls.everywhere()
        try:
            return cls([part.strip() for part in text.split(",") if part.strip()])
        except UserError as error:
            raise UserError(f"{VARIABLE}: {error.message}", remedy=f"correct it: {EXAMPLE}") from None

    @property
    def allows_nothing(self) -> bool:
        """Whether no place at all is allowed."""
        return self._folders == []

    def check(self, url: str, what: str) -> None:
        """Refuses a place that does not lie under one of the prefixes.

        A place in the file system is looked up too, so that no symbolic link in an allowed folder leads out of it.
        what: names the place in the message, such as "the output".

        Raises:
            StoreForbidden: the place is not under a prefix.
        """
        if self._folders is None:
            return
        why = ""
        try:
            if any(_is_in(StoreAddress.parse(url), folder) for folder in self._folders):
                return
        except InvalidAddress as error:
            why = f": {error.why}"
        raise StoreForbidden(
            f"{what} {shown(url)} is not among the places that this worker may use{why}", remedy=self._remedy
        )

    def check_source(self, url: str) -> None:
        """Refuses a source outside of the prefixes, except for web pages, which take no rights to read."""
        if not is_web(url):
            self.check(url, "the source")


def _is_in(address: StoreAddress, folder: StoreAddress) -> bool:
    if not address.is_within(folder):
        return False
    if address.path is None or folder.path is None:
        return True
    place, allowed = resolved(Path(address.path)), resolved(Path(folder.path))
    return place is not None and allowed is not None and place.is_relative_to(allowed)
