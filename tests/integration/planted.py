"""Secrets that a test plants, and the search for them in whatever is kept or said."""

import base64
from pathlib import Path
from urllib.parse import quote

from tests.processes import command_line

SECRET, BAKED = "planted/secret+7Zq", "baked/secret+9Xw"
"""A header's value, and a cookie's."""


def spellings(secret: str) -> list[bytes]:
    """A secret as it may be written: as it is, in an address, in JSON, in base64 at each of the three places."""
    whole = [secret, quote(secret, safe=""), secret.replace("/", "\\/"), secret.encode().hex()]
    coded = [base64.b64encode(b"x" * at + secret.encode())[4 if at else 0 : -4].decode() for at in range(3)]
    return [text.encode() for text in (*whole, *coded)]


SPELLINGS = spellings(SECRET) + spellings(BAKED)


def found_in(data: bytes) -> list[bytes]:
    """The secrets' spellings in some bytes."""
    return [spelling for spelling in SPELLINGS if spelling in data]


def kept_in(folder: Path) -> list[str]:
    """The files of a folder that have a secret in them or in their names."""
    return [str(file) for file in folder.rglob("*") if found_in(str(file).encode() + _content(file))]


def assert_nowhere(folder: Path, *texts: str) -> None:
    """Neither secret is in any file of a folder, in its name, or in a text."""
    assert any(folder.rglob("*"))
    assert kept_in(folder) == []
    assert [text for text in texts if found_in(text.encode())] == []


def exposed_by_processes() -> list[str]:
    """The command lines of those processes of this machine whose arguments or variables hold a secret."""
    lines = {entry: command_line(int(entry.name)) for entry in Path("/proc").glob("[0-9]*")}
    return [line for entry, line in lines.items() if found_in(line.encode() + _content(entry / "environ"))]


def _content(file: Path) -> bytes:
    """A file's bytes; none of a folder, of what is gone meanwhile or belongs to somebody else."""
    try:
        return file.read_bytes() if file.is_file() else b""
    except OSError:
        return b""
