"""Fetches a file from the web into a file, under the rule that holds for pages: see `addresses`.

The standard library's client is used because it takes a connection that was made elsewhere, to the address that was
checked; a client that looks names up itself could be sent to another one.
"""

import base64
import http.client
import random
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from helios_crds.backoff import Backoff
from helios_worker.errors import HeliosError, NetworkTrouble, UserError
from helios_worker.network.addresses import AddressRule
from helios_worker.network.connections import connect, trouble_of
from helios_worker.network.origin_headers import NO_HEADERS, OriginHeaders
from helios_worker.network.passing import STATUSES, status_text

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 10
BLOCK = 1 << 18
BACKOFF = Backoff(base=0.2, factor=2, cap=20, jitter=0.5)
# What stands in an address as it is; the rest is escaped, as browsers do.
PATH_SAFE = "/%:@!$&'()*+,;=~[]|"
QUERY_SAFE = "/%:@!$&'()*+,;=~?[]|"


@dataclass(frozen=True)
class Download:
    """What to fetch, and how.

    url: http or https. shown: the address as messages may show it, without a signature.
    what: the kind of file, for messages. limit: most bytes.
    stall: seconds without a byte after which a try ends. retry: seconds after which no other try begins.
    headers: what their origin is sent in addition, until a redirect has led elsewhere.
    """

    url: str
    shown: str
    what: str
    limit: int
    rule: AddressRule
    stall: float = 60.0
    retry: float = 150.0
    headers: OriginHeaders = NO_HEADERS

    def save(self, file: Path) -> None:
        """Fetches the file, and tries again for a while after failures that pass.

        Raises:
            UserError: it is not there, may not be read, or is too large.
            AddressForbidden: it, or where it was moved to, is at an address that may not be reached.
            NetworkTrouble: it cannot be fetched now; another attempt may succeed.
        """
        end, failures = time.monotonic() + self.retry, 0
        while True:
            try:
                return self._try(file)
            except NetworkTrouble as trouble:
                failures += 1
                pause = BACKOFF.seconds(failures, random.random())
                if time.monotonic() + pause >= end:
                    tried = f", {failures} times" if failures > 1 else ""
                    raise NetworkTrouble(
                        f"fetching {self.shown}: {trouble.message}{tried}",
                        remedy="check the address and its server; another attempt may succeed",
                    ) from None
            time.sleep(pause)

    def _try(self, file: Path) -> None:
        address, added = self._address(self.url), self.headers
        for _ in range(MAX_REDIRECTS):
            if not added.belong_to(address.geturl()):
                added = NO_HEADERS
            connection = self._open(address, added)
            try:
                response = connection.getresponse()
                target = response.getheader("Location") if response.status in REDIRECTS else None
                if target is None:
                    self._check(response.status)
                    return self._read(response, file)
                address = self._address(target, moved_from=address)
            except (OSError, http.client.HTTPException) as error:
                raise _trouble(error) from None
            finally:
                connection.close()
        raise UserError(f"{self.shown} is moved on more than {MAX_REDIRECTS} times", remedy="correct its address")

    def _address(self, url: str, moved_from: SplitResult | None = None) -> SplitResult:
        try:
            return urlsplit(url if moved_from is None else urljoin(moved_from.geturl(), url))
        except ValueError:
            raise self._nowhere() from None

    def _nowhere(self) -> UserError:
        return UserError(
            f"{self.shown} is, or was moved to, no address of the web", remedy="use an http:// or https:// address"
        )

    def _open(self, parts: SplitResult, added: OriginHeaders) -> http.client.HTTPConnection:
        """A connection on which the request has been sent."""
        try:
            host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            host, port = "", 0
        if parts.scheme not in ("http", "https") or not host:
            raise self._nowhere()
        connection = http.client.HTTPConnection(host, port, timeout=self.stall)
        if parts.scheme == "https":
            connection.default_port = 443  # or the Host header names the port, which a signature may cover
        headers = {"Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
        sent = dict(added.added_to({name.lower(): value for name, value in headers.items()}))
        try:
            connection.sock = connect(host, port, self.rule, seconds=min(20.0, self.stall))
            connection.sock.settimeout(self.stall)
            if parts.scheme == "https":
                connection.sock = ssl.create_default_context().wrap_socket(connection.sock, server_hostname=host)
            query = f"?{quote(parts.query, safe=QUERY_SAFE)}" if parts.query else ""
            path = quote(parts.path or "/", safe=PATH_SAFE) + query
            connection.request("GET", path, headers=sent)
        except UserError as error:  # AddressForbidden, or a proxy that lets nobody through
            raise type(error)(f"fetching {self.shown}: {error.message}", remedy=error.remedy) from None
        except ssl.SSLCertVerificationError as error:
            connection.close()
            raise UserError(
                f"fetching {self.shown}: its certificate is not trusted ({error.verify_message})",
                remedy="use an address with a valid certificate",
            ) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            raise _trouble(error) from None
        return connection

    def _check(self, status: int) -> None:
        if status in STATUSES:
            raise NetworkTrouble(status_text(status))
        if status in (404, 410):
            raise UserError(f"there is no {self.what} {self.shown} ({status})", remedy="correct its address")
        if status in (401, 403):
            raise UserError(
                f"{self.shown} may not be read: the server answered {status}",
                remedy="use an address that needs no login, such as a signed one that has not expired",
            )
        if status != 200:
            raise UserError(f"{self.shown} was answered with {status}", remedy="correct its address, or its server")

    def _read(self, response: http.client.HTTPResponse, file: Path) -> None:
        size, count = response.length, 0
        with file.open("wb") as copy:
            while block := response.read(BLOCK):
                count += len(block)
                if max(count, size or 0) > self.limit:
                    most = f"{self.limit >> 20} MiB"
                    raise UserError(f"{self.shown} has more than {most}, too much for the {self.what} of a render")
                copy.write(block)
        if size is not None and count != size:
            raise NetworkTrouble(f"the connection was cut after {count} of {size} bytes")


def _trouble(error: Exception) -> HeliosError:
    if isinstance(error, ssl.SSLError) and error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST"):
        return UserError("the server does not speak TLS", remedy="use its http:// address")
    if isinstance(error, http.client.HTTPException) and not isinstance(error, ConnectionError):
        cut = isinstance(error, http.client.IncompleteRead)
        return NetworkTrouble("the connection was cut" if cut else "the server's answer is not HTTP")
    return trouble_of(error) if isinstance(error, OSError) else UserError(f"the address is not valid: {error}")
