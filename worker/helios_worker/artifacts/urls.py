"""Addresses of stores and of objects in them."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from helios_worker.errors import UserError


def split_object(url: str) -> tuple[str, str]:
    """Splits an object's URL into the URL of its folder and its name."""
    folder, _, name = url.rpartition("/")
    return folder, name


def split_url(url: str, marker: str) -> tuple[str, str]:
    """Splits an object's URL into the store's URL and the key, which starts with `marker`, such as `jobs/`.

    Raises:
        UserError: the marker is not in the URL.
    """
    place = url.rfind(f"/{marker}")
    if place < 0:
        raise UserError(f"{url or 'nothing'} does not lie in an artifact store: there is no {marker} in it")
    return url[: place + 1], url[place + 1 :]


def local_path(url: str) -> Path | None:
    """The path of a file:// URL or of a plain path; None for any other scheme."""
    try:
        parts = urlsplit(url)
    except ValueError:  # http://[…
        return None
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if not parts.scheme:
        return Path(url).absolute()
    return None
