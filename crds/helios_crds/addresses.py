"""Addresses of folders, buckets and the objects in them: one parser for operator, worker and command line.

What one part checks, another part opens, so all of them must read an address alike. An address that two readers could
understand in two ways is refused, whatever it was meant to be. Nothing here asks a file system or a network.

    store = StoreAddress.parse("s3://media/artifacts/")
    StoreAddress.parse("s3://media/artifacts/out/a.mp4").is_within(store)      # True
    store.joined("films", "out").folder                                        # "s3://media/artifacts/films/out/"

Names are taken as they are written, except that a file:// address may escape characters (%20), as browsers write it.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self
from urllib.parse import quote, unquote

from helios_crds.text import one_line

ALIASES = {"s3a": "s3", "azure": "az", "abfs": "az", "abfss": "az"}
"""Other names of schemes, as other programs write them."""
SCHEMES = ("file", "s3", "gs", "az", "memory")
"""memory: lives in one process; for tests."""
WEB = ("http://", "https://")
ARTIFACT_FOLDERS = frozenset(
    {"blobs", "snapshots", "recordings", "requests", "plans", "jobs", "segments", "chunks", "sound-plans"}
)
"""The folders at the top of an artifact store that the stages write; no film may be written into them."""

SHOWN = 200
_BUCKET = re.compile(r"\$?[A-Za-z0-9][A-Za-z0-9._-]*(?<![.])")
_NAMED = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


class InvalidAddress(ValueError):
    """A text that is not the address of a store, or that could be read in two ways.

    The message shows it. why: the reason alone, such as "it contains a ?".
    """

    def __init__(self, message: str, why: str) -> None:
        super().__init__(f"{message}: {why}")
        self.why = why


@dataclass(frozen=True)
class StoreAddress:
    """A folder, a bucket, or something in it.

    scheme: one of SCHEMES. bucket: "" in file and memory. names: of folders and of the object, from the top, unescaped.
    """

    scheme: str
    bucket: str
    names: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads an address; one slash at its end changes nothing. An absolute path is read as a file's address.

        Raises:
            InvalidAddress: it is none, or ambiguous.
        """
        try:
            return cls._parse(text)
        except _Refused as refused:
            raise InvalidAddress(f"{shown(text) or 'nothing'} is not the address of a store", str(refused)) from None

    @classmethod
    def _parse(cls, text: str) -> Self:
        if text.startswith("/"):
            return cls("file", "", _names(text[1:], "file"))
        match = _NAMED.fullmatch(text)
        if match is None:
            raise _Refused("it begins with neither file:///, s3://, gs:// nor az://")
        written, rest = match.groups()
        scheme = ALIASES.get(written, written)
        if scheme not in SCHEMES:
            raise _Refused("it begins with neither file:///, s3://, gs:// nor az://, in lower case")
        if not rest.startswith("//"):
            raise _Refused(f"{written}: is followed by two slashes")
        if "\\" in rest:
            raise _Refused("it contains a backslash")
        if "?" in rest or "#" in rest:
            raise _Refused("it contains a ? or #, and options belong in the environment, not in an address")
        bucket, _, path = rest[2:].partition("/")
        if scheme in ("file", "memory"):
            if bucket:
                raise _Refused(f"{scheme}:// is followed by a path, which begins with a slash")
            return cls(scheme, "", _names(_unescaped(path), scheme))
        if "@" in bucket:
            raise _Refused("it names a user or a key before an @, and credentials belong in the environment")
        if not _BUCKET.fullmatch(bucket):
            raise _Refused("its bucket is not a name of letters, digits, -, _ and .")
        if "%" in path:
            raise _Refused("it contains a %: write names as they are, without escapes")
        return cls(scheme, bucket, _names(path, scheme))

    @property
    def url(self) -> str:
        """The address in its one form, without a slash at the end; the top of a file system is file:///."""
        return self.folder.removesuffix("/") if self.names or self.bucket else self.folder

    @property
    def folder(self) -> str:
        """The same with a slash at the end."""
        return self.escaped if self.scheme == "file" else self._written("/".join(self.names))

    @property
    def escaped(self) -> str:
        """The folder for clients that read it as a URL, in which names are escaped."""
        return self._written(quote("/".join(self.names)))

    def _written(self, path: str) -> str:
        return f"{self.scheme}://{self.bucket}/{path}/" if path else f"{self.scheme}://{self.bucket}/"

    @property
    def path(self) -> PurePosixPath | None:
        """The path in the file system; None in a bucket."""
        return PurePosixPath("/", *self.names) if self.scheme == "file" else None

    @property
    def name(self) -> str:
        """The last name; "" at the top."""
        return self.names[-1] if self.names else ""

    @property
    def parent(self) -> Self:
        """The folder around it; the top is its own parent."""
        return type(self)(self.scheme, self.bucket, self.names[:-1])

    def joined(self, *names: str) -> Self:
        """The address of something inside. names: one for each step, taken as they are.

        Raises:
            InvalidAddress: a name is empty, leads elsewhere, or has a character that no name may have.
        """
        try:
            for name in names:
                _check_name(name, self.scheme)
        except _Refused as refused:
            inside = one_line("/".join(names), SHOWN)
            raise InvalidAddress(f"{inside} cannot be the name of a place in {self.folder}", str(refused)) from None
        return type(self)(self.scheme, self.bucket, (*self.names, *names))

    def is_within(self, folder: "StoreAddress") -> bool:
        """Whether it is that folder, or lies in it: s3://media-private/a is not within s3://media."""
        return (self.scheme, self.bucket) == (folder.scheme, folder.bucket) and (
            self.names[: len(folder.names)] == folder.names
        )


def is_allowed(text: str, prefixes: Iterable[str]) -> bool:
    """Whether an address lies within one of the folders. Whatever cannot be read is not allowed, and allows nothing."""
    try:
        address = StoreAddress.parse(text)
    except InvalidAddress:
        return False
    return any(address.is_within(folder) for folder in _read(prefixes))


def is_web(text: str) -> bool:
    """Whether an address is one of the web, which a browser opens and no store."""
    return text.startswith(WEB)


def is_artifact(output: StoreAddress, store: StoreAddress) -> bool:
    """Whether an output would lie among the artifacts of a store, or is the store itself or a folder around it.

    A name that ends in .json is taken for an artifact wherever it is: it could be one of another store.
    """
    if output.name.lower().endswith(".json"):
        return True
    if not output.is_within(store):
        return store.is_within(output)
    inside = output.names[len(store.names) :]
    return not inside or inside[0] in ARTIFACT_FOLDERS


def shown(text: str) -> str:
    """An address for messages: one short line, without what a user, a key or a signature in it would reveal."""
    scheme, mark, rest = text.partition("://")
    if not mark:
        return one_line(text, SHOWN, keep_start=True)
    authority, slash, path = rest.partition("/")
    plain = re.split(r"[?#]", path, maxsplit=1)[0]
    return one_line(
        f"{scheme}://{authority.rpartition('@')[2].partition('?')[0]}{slash}{plain}", SHOWN, keep_start=True
    )


class _Refused(ValueError):
    """Why a text is no address."""


def _read(prefixes: Iterable[str]) -> Iterable[StoreAddress]:
    for prefix in prefixes:
        try:
            yield StoreAddress.parse(prefix)
        except InvalidAddress:
            continue


def _unescaped(path: str) -> str:
    if "%" in _ESCAPE.sub("", path):
        raise _Refused("a % in it is not followed by two hexadecimal digits: write %25 for a percent sign")
    if re.search(r"%2f|%5c", path, re.IGNORECASE):
        raise _Refused("it contains an escaped slash or backslash")
    try:
        return unquote(path, errors="strict")
    except UnicodeDecodeError:
        raise _Refused("its escapes are not UTF-8") from None


def _names(path: str, scheme: str) -> tuple[str, ...]:
    path = path.removesuffix("/")
    names = tuple(path.split("/")) if path else ()
    for name in names:
        _check_name(name, scheme)
    return names


def _check_name(name: str, scheme: str) -> None:
    if not name:
        raise _Refused("it has two slashes in a row")
    if name in (".", ".."):
        raise _Refused(f"it contains {name} as a name")
    if "/" in name or "\\" in name:
        raise _Refused("a name contains a slash or a backslash")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        raise _Refused("it contains a control character")
    if scheme not in ("file", "memory") and (name != name.strip() or name.endswith(".") or name.isspace()):
        raise _Refused("a name in it begins or ends with a space, or ends with a dot, which buckets may drop")
