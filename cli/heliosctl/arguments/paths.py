"""Paths as users write them, with ~ for a home folder, and this user's own folders."""

import os
from pathlib import Path

from helios_worker.errors import UserError


def expanded(text: str | Path) -> Path:
    """A path with its ~ or ~name replaced.

    Raises:
        UserError: there is no such home folder.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise UserError(
            f"{text} cannot be found: there is no such home folder", remedy="write the whole path, or set HOME"
        ) from None


def own_folder(variable: str, *usual: str) -> Path:
    """A folder of this user for one purpose, as the XDG Base Directory Specification places it.

    variable: that names it, such as XDG_CACHE_HOME. usual: its path in the home folder otherwise.

    Raises:
        UserError: there is neither.
    """
    chosen = os.environ.get(variable)
    return Path(chosen) if chosen else expanded(Path("~", *usual))
