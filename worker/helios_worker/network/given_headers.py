"""Reads headers and cookies for a page's own server as users write them: options, a file, or a Secret's keys as files.

What gives them may also say which origins they may be sent to. A Secret has to: whoever may use it by its name alone
must not be able to choose the server, too (docs/decisions/0030).
"""

import re
from collections.abc import Iterator
from pathlib import Path

from helios_crds.remedies import setting
from helios_worker.errors import UserError
from helios_worker.network.origin_headers import PORTS, Origin, Pair, origin_of

FORMAT = "write each as Name: value"
ORIGIN_KEY = "origin"
"""The key, or the header, that names the origins. No page is sent it: browsers write that header themselves."""
ORIGIN_FORMAT = "write it as https://films.example, several with a comma between them"
MAX_FILE = 1 << 20
# What the browser itself has to say, or what would make an answer another one than the page asked for.
BROWSERS_OWN = re.compile(
    "host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|via|expect|date|content-.*|origin|referer|range"
    "|if-.*|accept-encoding|accept-charset|access-control-.*|cookie2|set-cookie2?|dnt|proxy-.*|sec-.*|:.*",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x20-\x7e\t]+")
_COOKIE_VALUE = re.compile(r"[\x21-\x3a\x3c-\x7e]*")


def shown_origin(origin: Origin) -> str:
    """An origin as browsers write it.

    >>> shown_origin(("https", "films.example", 443)), shown_origin(("http", "::1", 3000))
    ('https://films.example', 'http://[::1]:3000')
    """
    scheme, host, port = origin
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}" if port == PORTS[scheme] else f"{scheme}://{host}:{port}"


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


def read_headers(place: Path, url: str, *, must_allow: bool = False) -> tuple[list[Pair], list[Pair]]:
    """The headers and the cookies in a file, one `Name: value` on a line, or in a folder, one file for each.

    Empty lines and lines that begin with # are left out. `Cookie: a=1; b=2` gives cookies. `Origin: https://a.example`
    names an origin that they may be sent to, and no other than the named ones may be. A folder is how a cluster hands
    over a Secret: a file's name is the header's, and its content the value.

    url: of the page whose server they are for. must_allow: whether they may go nowhere unless an origin is named.

    Raises:
        UserError: it cannot be read, that server may not have them, or one of them may not be sent. The message names
            it and has no value.
    """
    try:
        given = list(_in_folder(place) if place.is_dir() else _in_file(place))
    except UnicodeDecodeError:
        raise UserError(f"{place} cannot be read: it is not text in UTF-8", remedy=FORMAT) from None
    except OSError as error:
        raise UserError(f"{place} cannot be read: {error.strerror or error}", remedy="check its path") from None
    # First, since a message about a header names a key of a Secret that may be for other servers.
    _check_allowed(
        [(where, value) for where, name, value in given if name.lower() == ORIGIN_KEY], url, place, must_allow
    )
    headers: list[Pair] = []
    cookies: list[Pair] = []
    for where, name, value in given:
        if name.lower() == "cookie":
            cookies += cookies_in(value, where)
        elif name.lower() != ORIGIN_KEY:
            headers.append(checked_header(name, value, where))
    if not headers and not cookies:
        raise UserError(f"{place} holds no headers", remedy=FORMAT)
    return headers, cookies


def origins_in(text: str, where: str) -> list[Origin]:
    """The origins in a text, with commas or white space between them.

    Raises:
        UserError: one of them is none.
    """
    return [_one_origin(word, where) for word in text.replace(",", " ").split()]


def _one_origin(word: str, where: str) -> Origin:
    origin = origin_of(word)
    # An address with a path would look as if it were for that path alone; @ and \\ are read in two ways.
    if origin is None or not re.fullmatch(r"[a-zA-Z]+://[^/?#@\\]+/?", word):
        raise UserError(f"{where} is not an origin: a scheme, a host and, if need be, a port", remedy=ORIGIN_FORMAT)
    return origin


def _check_allowed(named: list[tuple[str, str]], url: str, place: Path, must_allow: bool) -> None:
    """Passes if the headers in a place may be sent to the server of a page.

    Raises:
        UserError: they may not. The message names the page's origin, and none that they are for.
    """
    if not named and not must_allow:
        return
    origin = origin_of(url)
    if origin is not None and any(origin in origins_in(value, where) for where, value in named):
        return
    page = shown_origin(origin) if origin is not None else url
    is_secret = place.is_dir()
    source = "the Secret with the headers" if is_secret else str(place)
    which = f"the Secret that {setting('composition.headersFrom')} names" if is_secret else str(place)
    if named:
        raise UserError(
            f"{source} may not be sent to {page}: its {ORIGIN_KEY} names other servers",
            remedy=f"if that server may have the headers, add {page} to the {ORIGIN_KEY} in {which}",
        )
    raise UserError(
        f"{source} does not say which server may be sent them, so none is",
        remedy=f"if {page} may have the headers, add the key {ORIGIN_KEY} with the value {page} to {which}",
    )


def _in_file(file: Path) -> Iterator[tuple[str, str, str]]:
    for number, line in enumerate(_text(file, "utf-8-sig").splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            name, colon, value = line.partition(":")
            if not colon:
                raise UserError(f"line {number} of {file} is not a header: there is no colon in it", remedy=FORMAT)
            yield f"line {number} of {file}", name.strip(), value.strip()


def _in_folder(folder: Path) -> Iterator[tuple[str, str, str]]:
    for file in sorted(folder.iterdir()):
        if not file.name.startswith("..") and file.is_file():  # a cluster keeps its own under two dots
            yield f"the key {file.name}", file.name, _text(file, "utf-8").strip()


def _text(file: Path, encoding: str) -> str:
    with file.open("rb") as data:
        read = data.read(MAX_FILE + 1)
    if len(read) > MAX_FILE:
        raise UserError(f"{file} is too large for headers: more than {MAX_FILE} bytes", remedy=FORMAT)
    return read.decode(encoding)
