"""Digests that artifacts are named by."""

import hashlib
from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import StringConstraints

Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
NoneOrSha256 = Annotated[str, StringConstraints(pattern="^([0-9a-f]{64})?$")]
"""Digests that a file names, and that become parts of keys. The second may be empty."""


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(value: Any) -> bytes:
    """A JSON value in its one canonical form: sorted keys, no spaces."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def json_digest(value: Any) -> str:
    """SHA-256 of a JSON value in its canonical form."""
    return hashlib.sha256(canonical_json(value)).hexdigest()
