"""Archives of a page's folder, and archives that nobody should unpack."""

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path


def tar_of(files: Mapping[str, bytes | str], kind: str = "gz") -> bytes:
    """A tar of files by name. kind: gz, bz2, xz, or "" for a plain one."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=f"w:{kind}") as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            add(tar, name, content)
    return data.getvalue()


def add(tar: tarfile.TarFile, name: str, content: bytes | str = b"", **fields: object) -> None:
    """Adds a member whose header says whatever the test wants."""
    member = tarfile.TarInfo(name)
    raw = content.encode() if isinstance(content, str) else content
    member.size = len(raw)
    for field, value in fields.items():
        setattr(member, field, value)
    tar.addfile(member, io.BytesIO(raw))


def zip_of(files: Mapping[str, bytes | str]) -> bytes:
    """A zip of files by name."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return data.getvalue()


def written(path: Path, data: bytes) -> Path:
    """A file of these bytes."""
    path.write_bytes(data)
    return path
