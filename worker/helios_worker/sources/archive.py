"""Unpacks a composition's archive, which may come from anybody.

Only files and folders are unpacked: no links, no devices, nothing outside of the folder, and no more files and
bytes than a composition may have, whatever the archive declares. tarfile's own filter would let links within the folder
through, and neither tarfile nor zipfile limits how large a small archive may become.
"""

import bz2
import errno
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, NoReturn
from urllib.parse import urlsplit

from helios_worker.errors import UserError

BLOCK = 1 << 16
# tarfile reads a header in one piece, so a name of gigabytes must be refused. A PAX header has a few kilobytes.
MAX_HEADER = 1 << 20
# zipfile reads the directory in one piece, too: about 100 bytes for each file.
DIRECTORY_BYTES = 1024
END_OF_ZIP = struct.Struct("<4s4H2LH")
LONGEST_COMMENT = 1 << 16
UNREADABLE = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)


class BadArchive(UserError):
    """An archive is damaged, holds something other than files and folders, or is too large."""

    def __init__(self, name: str, problem: str, remedy: str = "pack the page's folder again, and nothing else") -> None:
        super().__init__(f"the archive {name} {problem}", remedy=remedy)


@dataclass(frozen=True)
class Limits:
    """The most that an archive may unpack to. files: number of files. bytes: of all files together."""

    files: int
    bytes: int


def unpack(archive: Path, folder: Path, limits: Limits, *, name: str) -> None:
    """Unpacks an archive into an empty folder. Leaves out hidden files, as a snapshot of a folder does.

    name: of the archive, for errors; its suffix says which kind it is.

    Raises:
        BadArchive: it is damaged, too large, or holds something other than files and folders.
    """
    writer = _Writer(folder, limits, name)
    try:
        if urlsplit(name).path.lower().endswith(".zip"):
            _unpack_zip(archive, writer)
        else:
            _unpack_tar(archive, writer)
    except (*UNREADABLE, OSError) as error:
        if not isinstance(error, UNREADABLE) and error.errno is not None:  # the disk's trouble, and not bz2's
            raise
        raise BadArchive(name, f"is damaged: {error}", "pack it again, or send it again") from None
    except (NotImplementedError, RuntimeError) as error:  # what zipfile raises for encryption and unknown compression
        raise BadArchive(name, f"cannot be unpacked: {error}", "pack it as .tar.gz") from None


@dataclass
class _Writer:
    """Writes members, and counts what has been written."""

    folder: Path
    limits: Limits
    name: str
    count: int = 0
    written: int = 0
    _seen: set[str] = field(default_factory=set)

    def path_of(self, member: str) -> Path | None:
        """Where a member belongs; None for hidden ones.

        Raises:
            BadArchive: its name leads out of the folder, or is not a valid file name.
        """
        self.count += 1
        if self.count > 2 * self.limits.files:  # its folders are members, too
            self.too_much()
        path = PurePosixPath(member)
        parts = [part for part in path.parts if part != "."]
        if path.is_absolute() or ".." in parts or "\\" in member or "\0" in member:
            raise BadArchive(self.name, f"holds {member[:200]!r}, whose name leads out of its folder")
        try:
            member.encode()
        except UnicodeEncodeError:
            raise BadArchive(
                self.name, f"holds {member[:200]!r}, whose name is not UTF-8", "rename the file and pack it again"
            ) from None
        if not parts or any(part.startswith(".") for part in parts):
            return None
        return self.folder.joinpath(*parts)

    def refuse(self, member: str, kind: str) -> None:
        """Refuses a member that is neither a file nor a folder, unless it is hidden."""
        if self.path_of(member) is not None:
            raise BadArchive(
                self.name,
                f"holds {member[:200]!r}, which is {kind}",
                "pack the files that links point to instead: tar --dereference (-h)",
            )

    def make_folder(self, member: str) -> None:
        """Creates the folder of a member that is one."""
        path = self.path_of(member)
        if path is not None:
            with self._blaming(member):
                path.mkdir(parents=True, exist_ok=True)

    def write(self, member: str, size: int, source: IO[bytes]) -> None:
        """Writes a member that is a file. size: as the archive says."""
        path = self.path_of(member)
        if path is None:
            return
        if str(path) in self._seen:
            raise BadArchive(self.name, f"holds {member[:200]!r} twice")
        self._seen.add(str(path))
        if len(self._seen) > self.limits.files or self.written + size > self.limits.bytes:
            self.too_much()
        with self._blaming(member):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                while block := source.read(BLOCK):
                    self.written += len(block)
                    if self.written > self.limits.bytes:
                        self.too_much()
                    file.write(block)

    @contextmanager
    def _blaming(self, member: str) -> Iterator[None]:
        try:
            yield
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise BadArchive(self.name, f"holds {member[:200]!r} as a file and as a folder") from None
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            raise BadArchive(self.name, f"holds {member[:200]!r}, whose name is too long") from None

    def too_much(self) -> NoReturn:
        """Refuses the archive as too large.

        Raises:
            BadArchive: always.
        """
        raise BadArchive(
            self.name,
            f"holds more than {self.limits.files} files or {self.limits.bytes >> 20} MiB, too much for a composition",
        )


def _unpack_tar(archive: Path, writer: _Writer) -> None:
    with _opened(archive) as plain:
        bounded = _Bounded(plain, writer)
        with tarfile.open(fileobj=bounded, mode="r:") as tar:
            for member in tar:
                if member.isdir():
                    writer.make_folder(member.name)
                elif member.isreg() and not member.issparse():
                    content = tar.extractfile(member)
                    assert content is not None
                    with content:
                        writer.write(member.name, member.size, content)
                else:
                    writer.refuse(member.name, _kind(member))
        while bounded.read(BLOCK):  # for the checksum at the end
            pass


def _kind(member: tarfile.TarInfo) -> str:
    if member.issym() or member.islnk():
        return "a link"
    return "a sparse file" if member.isreg() else "a device or a pipe"


def _opened(archive: Path) -> io.BufferedIOBase:
    """The uncompressed tar in an archive. The first bytes tell the compression, not the name."""
    with archive.open("rb") as file:
        magic = file.read(6)
    if magic.startswith(b"\x1f\x8b"):
        return gzip.open(archive, "rb")
    if magic.startswith(b"BZh"):
        return bz2.open(archive, "rb")
    if magic.startswith(b"\xfd7zXZ\x00"):
        return lzma.open(archive, "rb")
    return archive.open("rb")


class _Bounded(io.RawIOBase):
    """A tar's bytes for tarfile: forward only, with a limit on all bytes and on each read."""

    def __init__(self, source: io.BufferedIOBase, writer: _Writer) -> None:
        super().__init__()
        self._source = source
        self._writer = writer
        self._at = 0
        # besides the files' bytes: for each a header and the rest of a block, and as much again for a long name
        self._left = writer.limits.bytes + 2 * writer.limits.files * 4096 + (1 << 20)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= MAX_HEADER:
            raise BadArchive(self._writer.name, "holds a header of more than a MiB")
        data = self._source.read(size)
        self._at += len(data)
        if self._at > self._left:
            self._writer.too_much()
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or offset < self._at:
            raise tarfile.ReadError("its parts are out of order")
        while self._at < offset and self.read(min(BLOCK, offset - self._at)):
            pass
        return self._at


def _unpack_zip(archive: Path, writer: _Writer) -> None:
    _check_directory(archive, writer)
    with zipfile.ZipFile(archive) as zipped:
        for member in zipped.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            if member.is_dir():
                writer.make_folder(member.filename)
            elif kind not in (0, stat.S_IFREG):
                writer.refuse(member.filename, "a link" if kind == stat.S_IFLNK else "a device or a pipe")
            else:
                with zipped.open(member) as content:
                    writer.write(member.filename, member.file_size, content)


def _check_directory(archive: Path, writer: _Writer) -> None:
    """Refuses a directory larger than any composition needs, before zipfile reads all of it into memory."""
    size = archive.stat().st_size
    with archive.open("rb") as file:
        file.seek(max(0, size - END_OF_ZIP.size - LONGEST_COMMENT))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < END_OF_ZIP.size:
        raise zipfile.BadZipFile("it has no directory, so its end is missing")
    if at >= 20 and tail[at - 20 : at - 16] == b"PK\x06\x07":
        raise BadArchive(writer.name, "is a zip64, which only large ones need", "pack it as .tar.gz")
    _, _, _, _, _, directory, _, _ = END_OF_ZIP.unpack_from(tail, at)
    if directory > writer.limits.files * DIRECTORY_BYTES:
        writer.too_much()


def pages(folder: Path) -> Iterator[str]:
    """The pages at the top of a folder, by name."""
    return (path.name for path in sorted(folder.glob("*.html")))
