"""Headers and cookies for a composition's own server: what they are, and where they may go.

They are secrets. So they are kept apart from the request, the job and all that is stored; no message has a value, and
their objects do not show theirs. They go to one origin, the scheme, host and port of the composition's address.
How they are read from a file or a Secret is in `given_headers`.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from helios_crds.remedies import setting
from helios_worker.errors import UserError

Pair = tuple[str, str]
Origin = tuple[str, str, int]
"""Scheme, host and port."""

MAX_HEADERS = 64
MAX_BYTES = 16 << 10
"""Of all names and values together: many servers take no more."""
PORTS = {"http": 80, "https": 443}


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


class HeadersMissing(UserError):
    """A request needs headers that this worker was not given; helios_crds.wire.HEADERS_MISSING is this name.

    The same worker is never given them later. Who drives the render may send the work to one that has them.
    """


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

    def to_json(self) -> str:
        """As a driver hands them to a worker that it starts: by a pipe, since all else shows in the process list."""
        return json.dumps([self.origin, self.headers, self.cookies, self.identity])

    @classmethod
    def from_json(cls, text: str | bytes) -> "OriginHeaders":
        """What `to_json` wrote.

        Raises:
            ValueError, TypeError: it did not.
        """
        (scheme, host, port), headers, cookies, identity = json.loads(text)
        pairs, baked = tuple(map(_pair, headers)), tuple(map(_pair, cookies))
        return cls((str(scheme), str(host), int(port)), pairs, baked, str(identity))


NO_HEADERS = OriginHeaders()


def _pair(value: Iterable[object]) -> Pair:
    name, text = value
    return str(name), str(text)


def _check_once(what: str, names: list[str]) -> None:
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise UserError(f"{what} {twice} is given twice", remedy="give it once")
