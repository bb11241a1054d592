"""Headers and cookies for a composition's own server: what they may be, where they come from, where they may go.

They are secrets. So they are kept apart from the request, the job and all that is stored; no message has a value, and
their objects do not show theirs. They go to one origin, the scheme, host and port of the composition's address.

Long, because all that is decided about these secrets is here: what is read, refused, compared and sent.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from helios_crds.remedies import setting
from helios_crds.wire import HEADERS_VARIABLE
from helios_worker.errors import HeliosError, UserError

Pair = tuple[str, str]
Origin = tuple[str, str, int]
"""Scheme, host and port."""

MAX_HEADERS = 64
MAX_BYTES = 16 << 10
"""Of all names and values together: many servers take no more."""
FORMAT = "write each as Name: value"
PORTS = {"http": 80, "https": 443}
# What the browser itself has to say, or what would make an answer another one than the page asked for.
BROWSERS_OWN = re.compile(
    "host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|via|expect|date|content-.*|origin|referer|range"
    "|if-.*|accept-encoding|accept-charset|access-control-.*|cookie2|set-cookie2?|dnt|proxy-.*|sec-.*|:.*",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x20-\x7e\t]+")
_COOKIE_VALUE = re.compile(r"[\x21-\x3a\x3c-\x7e]*")


def origin_of(url: str) -> Origin | None:
    """The origin of an address of the web; None where it has none.

    >>> origin_of("https://Films.example/a?b"), origin_of("http://localhost:3000"), origin_of("data:,x")
    (('https', 'films.example', 443), ('http', 'localhost', 3000), None)
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if not host.isascii():
            host = host.encode("idna").decode()
    except ValueError:  # a UnicodeError too
        return None
    if parts.scheme not in PORTS or not host:
        return None
    return parts.scheme, host, PORTS[parts.scheme] if port is None else port


class HeadersMissing(HeliosError):
    """A request needs headers that this worker was not given; another worker may have them."""


@dataclass(frozen=True)
class OriginHeaders:
    """What one origin is sent in addition.

    headers, cookies: names and values.
    identity: tells recordings apart that were made with other values. Without the key that it was made with, nobody
        can find out from it whether a guessed value is right (docs/decisions/0027).
    """

    origin: Origin | None = None
    headers: tuple[Pair, ...] = field(default=(), repr=False)
    cookies: tuple[Pair, ...] = field(default=(), repr=False)
    identity: str = field(default="", repr=False)

    @classmethod
    def to(
        cls, url: str, headers: Iterable[Pair], cookies: Iterable[Pair] = (), *, key: bytes | None = None
    ) -> "OriginHeaders":
        """Headers for the server of a composition.

        url: of the composition. key: known to this user alone; None: no other process gets the same identity.

        Raises:
            UserError: one of them is given twice, they are too long, or url is none of the web.
        """
        origin = origin_of(url)
        pairs, baked = tuple(headers), tuple(cookies)
        if (pairs or baked) and origin is None:
            raise UserError(
                "headers and cookies go to the server of a page on the web, and the page is not on one",
                remedy="leave them out, or give the page's http:// or https:// address",
            )
        _check_once("the header", [name.lower() for name, _ in pairs])
        _check_once("the cookie", [name for name, _ in baked])
        size = sum(len(name) + len(value) for name, value in (*pairs, *baked))
        if size > MAX_BYTES or len(pairs) + len(baked) > MAX_HEADERS:
            raise UserError(
                f"{len(pairs) + len(baked)} headers and cookies of {size} bytes are too many: servers refuse more than "
                f"{MAX_HEADERS} or {MAX_BYTES} bytes",
                remedy="leave out what the page's server does not need",
            )
        if not pairs and not baked:
            return cls()
        text = json.dumps([origin, sorted((name.lower(), value) for name, value in pairs), sorted(baked)])
        identity = hmac.new(key or secrets.token_bytes(32), text.encode(), hashlib.sha256).hexdigest()
        return cls(origin, pairs, baked, identity)

    def __bool__(self) -> bool:
        return bool(self.headers or self.cookies)

    def belong_to(self, url: str) -> bool:
        """Whether an address is of the origin that they are for."""
        return self.origin is not None and origin_of(url) == self.origin

    def check(self, url: str) -> None:
        """Passes where there are none, or they are for the server of this composition.

        Raises:
            UserError: they would go nowhere.
        """
        if self and not self.belong_to(url):
            raise UserError(
                "headers and cookies are given for the page's own server, and the page is not on it",
                remedy=f"leave {setting('composition.headersFrom')} out, or give the page's address on the web",
            )

    def added_to(self, given: Mapping[str, str]) -> list[Pair]:
        """A request's headers together with these.

        given: by name in lower case, with the browser's own cookies. What is there under the same name stays: the page
        sends it itself, or its server has set that cookie since.
        """
        sent = [*given.items(), *((name, value) for name, value in self.headers if name.lower() not in given)]
        if not self.cookies:
            return sent
        line = given.get("cookie", "")
        newer = {part.partition("=")[0].strip() for part in line.split(";")}
        ours = "; ".join(f"{name}={value}" for name, value in self.cookies if name not in newer)
        together = "; ".join(part for part in (line, ours) if part)
        return [*(pair for pair in sent if pair[0] != "cookie"), ("cookie", together)]

    def in_variable(self) -> dict[str, str]:
        """The variable by which a process of this machine hands them to a worker that it starts; {} for none."""
        if not self:
            return {}
        return {HEADERS_VARIABLE: json.dumps([self.origin, self.headers, self.cookies, self.identity])}

    @classmethod
    def taken_from(cls, environment: MutableMapping[str, str]) -> "OriginHeaders":
        """The same, read and removed, so that no other program that the worker starts has them."""
        text = environment.pop(HEADERS_VARIABLE, "")
        if not text:
            return cls()
        (scheme, host, port), headers, cookies, identity = json.loads(text)
        pairs, baked = tuple(map(_pair, headers)), tuple(map(_pair, cookies))
        return cls((str(scheme), str(host), int(port)), pairs, baked, str(identity))


NO_HEADERS = OriginHeaders()


def _pair(value: Iterable[object]) -> Pair:
    name, text = value
    return str(name), str(text)


def header_in(text: str, where: str) -> Pair:
    """A header as it is written, `Name: value`. where: its place, for messages, which leave the text out.

    Raises:
        UserError: it is not one, or one that the browser itself has to write.
    """
    name, colon, value = text.partition(":")
    if not colon:
        raise UserError(f"{where} is not a header: there is no colon in it", remedy=FORMAT)
    return checked_header(name.strip(), value.strip(" \t"), where)


def checked_header(name: str, value: str, where: str) -> Pair:
    """A header that may be sent.

    Raises:
        UserError: it may not.
    """
    if not _TOKEN.fullmatch(name):
        raise UserError(
            f"{where} has no name that a header can have: letters, digits and - in front of the colon", remedy=FORMAT
        )
    if name.lower() == "accept-language":
        raise UserError(
            f"{where}: the page's language is more than the header {name}",
            remedy=f"give it by {setting('composition.locale')}",
        )
    if BROWSERS_OWN.fullmatch(name):
        raise UserError(f"{where}: the browser itself writes the header {name}", remedy="leave it out")
    if not value:
        raise UserError(f"{where}: the header {name} has no value", remedy="check that the variable it is from is set")
    if not _VALUE.fullmatch(value):
        raise UserError(
            f"{where}: the value of the header {name} has a character that headers cannot carry",
            remedy="write it in printable ASCII",
        )
    return name, value


def cookie_in(text: str, where: str) -> Pair:
    """A cookie as it is written, `name=value`.

    Raises:
        UserError: it is not one.
    """
    name, equals, value = text.strip(" \t").partition("=")
    if not equals or not _TOKEN.fullmatch(name):
        raise UserError(f"{where} is not a cookie", remedy="write it as name=value")
    if not _COOKIE_VALUE.fullmatch(value):
        raise UserError(
            f"{where}: the value of the cookie {name} has a character that cookies cannot carry",
            remedy="write it in printable ASCII without spaces and semicolons, as the server set it",
        )
    return name, value


def cookies_in(line: str, where: str) -> list[Pair]:
    """The cookies of a Cookie header.

    Raises:
        UserError: one of them is none.
    """
    return [cookie_in(part, where) for part in line.split(";") if part.strip()]


def read_headers(place: Path) -> tuple[list[Pair], list[Pair]]:
    """The headers and the cookies in a file, one `Name: value` on a line, or in a folder, one file for each.

    Empty lines and lines that begin with # are left out. `Cookie: a=1; b=2` gives cookies. A folder is how a cluster
    hands over a Secret: a file's name is the header's, and its content the value.

    Raises:
        UserError: it cannot be read, or one of them may not be sent. The message names it and has no value.
    """
    headers: list[Pair] = []
    cookies: list[Pair] = []
    try:
        for where, name, value in _in_folder(place) if place.is_dir() else _in_file(place):
            if name.lower() == "cookie":
                cookies += cookies_in(value, where)
            else:
                headers.append(checked_header(name, value, where))
    except UnicodeDecodeError:
        raise UserError(f"{place} cannot be read: it is not text in UTF-8", remedy=FORMAT) from None
    except OSError as error:
        raise UserError(f"{place} cannot be read: {error.strerror or error}", remedy="check its path") from None
    if not headers and not cookies:
        raise UserError(f"{place} holds no headers", remedy=FORMAT)
    return headers, cookies


def _in_file(file: Path) -> Iterator[tuple[str, str, str]]:
    for number, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            name, colon, value = line.partition(":")
            if not colon:
                raise UserError(f"line {number} of {file} is not a header: there is no colon in it", remedy=FORMAT)
            yield f"line {number} of {file}", name.strip(), value.strip()


def _in_folder(folder: Path) -> Iterator[tuple[str, str, str]]:
    for file in sorted(folder.iterdir()):
        if not file.name.startswith("..") and file.is_file():  # a cluster keeps its own under two dots
            yield f"the key {file.name}", file.name, file.read_text(encoding="utf-8").strip()


def _check_once(what: str, names: list[str]) -> None:
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise UserError(f"{what} {twice} is given twice", remedy="give it once")
