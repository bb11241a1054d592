"""Addresses of stores and of objects in them, as the stages and the command line use them."""

import re
from pathlib import Path

from helios_crds.addresses import InvalidAddress, StoreAddress, shown
from helios_worker.errors import UserError

REMEDY = "name a folder, or a bucket by an address such as s3://bucket/prefix, gs://… or az://…"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def store_address(url: str) -> StoreAddress:
    """The address of a store, or of an object in one.

    Raises:
        UserError: it is none, or could be read in two ways.
    """
    try:
        return StoreAddress.parse(url)
    except InvalidAddress as error:
        raise UserError(str(error), remedy=REMEDY) from None


def split_object(url: str) -> tuple[str, str]:
    """Splits an object's URL into the URL of its folder and its name."""
    folder, _, name = url.rpartition("/")
    return folder, name


def split_url(url: str, marker: str) -> tuple[str, str]:
    """Splits an object's URL into the store's URL and the key, which starts with `marker`, such as `jobs/`.

    Raises:
        UserError: the marker is not in the URL, or it is not the URL of an object in a store.
    """
    place = url.rfind(f"/{marker}")
    if place < 0:
        raise UserError(f"{shown(url) or 'nothing'} does not lie in an artifact store: there is no {marker} in it")
    root, key = url[: place + 1], url[place + 1 :]
    store_address(url)
    if "%" in key:
        raise UserError(f"{shown(url)} does not lie in an artifact store: {shown(key)} contains a %")
    return root, key


def absolute(path: Path) -> Path:
    """A path of the operating system as an address can say it: from the top, and without steps up.

    Symbolic links are followed only on the way to a step up, which leads up from where they lead.
    """
    path = path.absolute()
    if ".." not in path.parts:
        return path
    return path.resolve() if path.name == ".." else path.parent.resolve() / path.name


def resolved(path: Path) -> Path | None:
    """Where a path leads; None for a link that leads round to itself."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return None


def local_path(url: str) -> Path | None:
    """The path of a file:// address, or a path as the operating system reads it; None for any other address.

    Raises:
        UserError: a file:// address that could be read in two ways.
    """
    if not _SCHEME.match(url):
        return absolute(Path(url))
    if not url.startswith("file:"):
        return None
    path = store_address(url).path
    return None if path is None else Path(path)
