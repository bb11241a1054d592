"""A stand-in for Google Cloud Storage: the part of its XML API that obstore speaks, over objects in memory.

No real server could be had: fake-gcs-server has no XML API for uploads, and what else there is has JSON alone. So this
shows that our requests are those that Google's documentation asks for, and that we understand its answers; that Google
keeps its promises (a put with x-goog-if-generation-match: 0 is atomic, an object is whole or not there) it cannot show.

PUT, GET with ranges, HEAD, DELETE, listing, multipart uploads; bearer tokens, self-signed ones of service accounts and
V4 signed addresses, all of them checked; and the metadata server that a workload's identity is asked from. What is not
one of these is answered 501 and remembered in `strangers`.

Long, because one server speaks both of Google's storage interfaces.
"""

import base64
import hashlib
import itertools
import json
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "films"
ACCOUNT = "worker@tests.iam.gserviceaccount.com"
HOST = "storage.googleapis.com"
"""Which signed addresses are signed for, whatever server obstore is told to ask."""
PAGE = 3
METADATA_TOKEN = "/computeMetadata/v1/instance/service-accounts/default/token"


@dataclass(frozen=True)
class Object:
    """An object. generation: changes with every write."""

    data: bytes
    generation: int
    kind: str
    modified: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def tag(self) -> str:
        return f'"{hashlib.md5(self.data).hexdigest()}"'


@dataclass
class GcsServer:
    """A server that runs. folder: for keys. url: of it. tokens: that it takes. strangers: what it does not know.

    ignores_conditions: as servers do that only look like a cloud's.
    """

    folder: Path
    ignores_conditions: bool = False
    url: str = ""
    tokens: set[str] = field(default_factory=set)
    strangers: list[str] = field(default_factory=list)
    objects: dict[str, Object] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1_700_000_000_000_001))

    def environment(self) -> dict[str, str]:
        """What a client has in its environment that has a service account's key."""
        return {"GOOGLE_SERVICE_ACCOUNT": str(self.account()), "GOOGLE_BASE_URL": self.url, "GOOGLE_ALLOW_HTTP": "true"}

    def identity(self) -> dict[str, str]:
        """What a client has in its environment whose credentials the metadata server gives."""
        host = urlsplit(self.url).netloc
        return {"GOOGLE_BASE_URL": self.url, "GOOGLE_ALLOW_HTTP": "true", "GCE_METADATA_HOST": host}

    def account(self) -> Path:
        """A service account's key file."""
        key = self.folder / "account.pem"
        if not key.exists():
            _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(key))
            _openssl("pkey", "-in", str(key), "-pubout", "-out", str(key.with_suffix(".pub")))
        path = self.folder / "account.json"
        told = {
            "type": "service_account",
            "client_email": ACCOUNT,
            "private_key_id": "1",
            "private_key": key.read_text(),
            "gcs_base_url": self.url,
        }
        path.write_text(json.dumps(told))
        return path

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Whether the service account signed it."""
        with tempfile.NamedTemporaryFile(dir=self.folder) as file:
            file.write(signature)
            file.flush()
            public = str(self.folder / "account.pub")
            return not _openssl("dgst", "-sha256", "-verify", public, "-signature", file.name, given=message)


def _openssl(*arguments: str, given: bytes = b"") -> int:
    return subprocess.run(["openssl", *arguments], input=given, capture_output=True).returncode


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, code: str, sentence: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.sentence = status, code, sentence or code


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: GcsServer

    def __getattr__(self, name: str) -> object:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if len(body) < int(self.headers.get("Content-Length", 0)):
            self.close_connection = True  # it was cut off, and what there is of it is not kept
            return
        try:
            if parts.path == METADATA_TOKEN:
                self._token()
                return
            self._authorize()
            bucket, _, key = parts.path.lstrip("/").partition("/")
            if unquote(bucket) != BUCKET:
                raise Refused(404, "NoSuchBucket", "The specified bucket does not exist.")
            with self.server_state.lock:
                self._object(unquote(key), body) if key else self._list()
        except Refused as refused:
            sentence = f"<Message>{escape(refused.sentence)}</Message>"
            self._answer(refused.status, f"<?xml version='1.0'?><Error><Code>{refused.code}</Code>{sentence}</Error>")

    def _object(self, key: str, body: bytes) -> None:
        state = self.server_state
        match self.command, "uploads" in self.query, self.query.get("uploadId"):
            case "POST", True, None:
                upload = f"upload-{next(state.numbers)}"
                state.uploads[upload] = {}
                self._answer(200, self._xml("InitiateMultipartUploadResult", UploadId=upload, Key=key, Bucket=BUCKET))
            case "PUT", False, str(upload):
                self._parts(upload)[int(self.query["partNumber"])] = body
                self._answer(200, "", ETag=f'"{hashlib.md5(body).hexdigest()}"')
            case "POST", False, str(upload):
                self._complete(key, upload, body)
            case "DELETE", False, str(upload):
                self._parts(upload)
                del state.uploads[upload]
                self._answer(204, "")
            case "PUT", False, None:
                self._put(key, body)
            case "DELETE", False, None:
                if state.objects.pop(key, None) is None:
                    raise Refused(404, "NoSuchKey", "The specified key does not exist.")
                self._answer(204, "")
            case "GET" | "HEAD", False, None:
                self._get(key)
            case _:
                state.strangers.append(f"{self.command} {self.path}")
                raise Refused(501, "NotImplemented")

    def _put(self, key: str, body: bytes) -> None:
        wanted = self.headers.get("x-goog-if-generation-match")
        there = self.server_state.objects.get(key)
        ignored = self.server_state.ignores_conditions
        if wanted is not None and not ignored and int(wanted) != (there.generation if there else 0):
            raise Refused(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")
        self._keep(key, body)

    def _keep(self, key: str, body: bytes) -> None:
        kind = self.headers.get("Content-Type", "application/octet-stream")
        made = Object(body, next(self.server_state.numbers), kind)
        self.server_state.objects[key] = made
        self._answer(200, "", ETag=made.tag, **{"x-goog-generation": str(made.generation)})

    def _complete(self, key: str, upload: str, body: bytes) -> None:
        parts = self._parts(upload)
        named = [int(number) for number in re.findall(rb"<PartNumber>(\d+)</PartNumber>", body)]
        if named != sorted(parts) or not named:
            raise Refused(400, "InvalidPart", "One or more of the specified parts could not be found.")
        whole = b"".join(parts[number] for number in named)
        made = Object(whole, next(self.server_state.numbers), "application/octet-stream")
        self.server_state.objects[key] = made
        del self.server_state.uploads[upload]
        told = self._xml("CompleteMultipartUploadResult", Bucket=BUCKET, Key=key, ETag=made.tag)
        self._answer(200, told, **{"x-goog-generation": str(made.generation)})

    def _parts(self, upload: str) -> dict[int, bytes]:
        if upload not in self.server_state.uploads:
            raise Refused(404, "NoSuchUpload", "The specified multipart upload does not exist.")
        return self.server_state.uploads[upload]

    def _get(self, key: str) -> None:
        found = self.server_state.objects.get(key)
        if found is None:
            raise Refused(404, "NoSuchKey", "The specified key does not exist.")
        headers = {
            "ETag": found.tag,
            "x-goog-generation": str(found.generation),
            "Content-Type": found.kind,
            "Last-Modified": found.modified.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        }
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        data, status = found.data, 200
        if part:
            first, last = int(part[1]), min(int(part[2] or len(data)), len(data) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            data, status = data[first : last + 1], 206
        self._answer(status, data, **headers)

    def _list(self) -> None:
        if self.command != "GET" or self.query.get("list-type") != "2" or "delimiter" in self.query:
            self.server_state.strangers.append(f"{self.command} {self.path}")
            raise Refused(501, "NotImplemented")
        after = self.query.get("continuation-token", "")
        prefix = self.query.get("prefix", "")
        keys = sorted(key for key in self.server_state.objects if key.startswith(prefix) and key > after)
        shown = [(key, self.server_state.objects[key]) for key in keys[:PAGE]]
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(found.data)}</Size><ETag>{escape(found.tag)}</ETag>"
            f"<LastModified>{found.modified:%Y-%m-%dT%H:%M:%S.000Z}</LastModified></Contents>"
            for key, found in shown
        )
        more = f"<NextContinuationToken>{escape(shown[-1][0])}</NextContinuationToken>" if len(keys) > PAGE else ""
        self._answer(200, f"<?xml version='1.0'?><ListBucketResult>{contents}{more}</ListBucketResult>")

    def _authorize(self) -> None:
        if "X-Goog-Signature" in self.query:
            self._check_signed_address()
            return
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if bearer in self.server_state.tokens or self._is_self_signed(bearer):
            return
        raise Refused(401, "AuthenticationRequired", "Authentication required.")

    def _is_self_signed(self, bearer: str) -> bool:
        signed, dot, signature = bearer.rpartition(".")
        if not dot or not self.server_state.signed(signed.encode(), _decoded(signature)):
            return False
        claims = json.loads(_decoded(signed.partition(".")[2]))
        good = bool(claims["iss"] == ACCOUNT and claims["exp"] > datetime.now(UTC).timestamp())
        if good:
            self.server_state.tokens.add(bearer)
        return good

    def _check_signed_address(self) -> None:
        query = dict(self.query)
        signature = bytes.fromhex(query.pop("X-Goog-Signature"))
        date, seconds = query["X-Goog-Date"], int(query["X-Goog-Expires"])
        asked = "&".join(f"{quote(name, safe='')}={quote(query[name], safe='')}" for name in sorted(query))
        path = urlsplit(self.path).path
        canonical = f"{self.command}\n{path}\n{asked}\nhost:{HOST}\n\nhost\nUNSIGNED-PAYLOAD"
        account, _, scope = query["X-Goog-Credential"].partition("/")
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        if account != ACCOUNT or not self.server_state.signed(
            f"GOOG4-RSA-SHA256\n{date}\n{scope}\n{digest}".encode(), signature
        ):
            raise Refused(403, "SignatureDoesNotMatch", "Access denied.")
        ends = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) + timedelta(seconds=seconds)
        if ends < datetime.now(UTC):
            raise Refused(400, "ExpiredToken", "Invalid argument.")

    def _token(self) -> None:
        if self.headers.get("Metadata-Flavor") != "Google":
            raise Refused(403, "Forbidden")
        token = f"identity-{next(self.server_state.numbers)}"
        self.server_state.tokens.add(token)
        self._answer(200, json.dumps({"access_token": token, "expires_in": 3600, "token_type": "Bearer"}))

    def _xml(self, root: str, **fields: str) -> str:
        inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
        return f"<?xml version='1.0'?><{root}>{inner}</{root}>"

    def _answer(self, status: int, body: str | bytes, **headers: str) -> None:
        data = body.encode() if isinstance(body, str) else body
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@contextmanager
def gcs_server(folder: Path) -> Iterator[GcsServer]:
    """A server with one bucket, BUCKET, which is empty. folder: for what it writes."""
    state = GcsServer(folder)
    handler = type("Handler", (_Handler,), {"server_state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
