"""-o on the command line: checked before the render, so that nobody waits for a film that cannot be written."""

import errno
import os
from pathlib import Path

from helios_worker.artifacts.urls import absolute, store_address
from helios_worker.errors import UserError
from heliosctl.arguments.paths import expanded

FILM_SUFFIXES = (".mp4", ".m4v")
STILL_SUFFIXES = (".png",)
FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


def check_output(output: str, suffixes: tuple[str, ...] = FILM_SUFFIXES) -> str:
    """The output as the stages take it: an absolute path, or an object's URL. Makes the folder if need be.

    Raises:
        UserError: it cannot be written; the message says why.
    """
    if output == "-":
        raise UserError(
            "the output cannot be standard output: a file is written whole, and then moved into its place",
            remedy=f"give a file name, such as out{suffixes[0]}",
        )
    if "://" in output:
        address = store_address(output)
        if address.path is None:
            _check_suffix(output, address.name, suffixes)
            return output
        path = Path(address.path)
    else:
        path = absolute(expanded(output))
    if path.is_dir():
        raise UserError(
            f"the output {output} is a folder",
            remedy=f"give a file name, such as {output.rstrip('/')}/out{suffixes[0]}",
        )
    _check_suffix(output, path.name, suffixes)
    if path.exists() and not path.is_file():
        raise UserError(
            f"the output {output} is a pipe or a device: a file is written whole, and then moved there",
            remedy="give the name of a file that is new or may be replaced",
        )
    why = unwritable(path)
    if why is not None:
        raise UserError(f"the output {output} cannot be written: {why}", remedy="choose another place with -o")
    return str(path)


def unwritable(path: Path) -> str | None:
    """Why no file can be written beside a path; None if one can. Makes the folder if need be.

    Raises:
        OSError: the disk is full, which is no mistake in the path.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        trial = path.with_name(f".{path.name[:100]}.trial-{os.getpid()}")
        trial.touch()
        trial.unlink()
    except OSError as error:
        if error.errno in FULL_DISK:
            raise
        return error.strerror or str(error)
    return None


def _check_suffix(output: str, name: str, suffixes: tuple[str, ...]) -> None:
    if not name.lower().endswith(suffixes):
        kind = "films are written as MP4" if suffixes is FILM_SUFFIXES else "stills are written as PNG"
        stem = Path(name).stem or "out"
        raise UserError(
            f"the output {output} does not end in {suffixes[0]}: {kind}",
            remedy=f"use a name such as {stem}{suffixes[0]}",
        )
