"""Where workloads get their credentials from on Amazon's platforms: its token service, and its agent on a node.

Stand-ins, as small as what obstore asks of them: the first takes a token from a file for a role, the second gives
what it has to whoever brings a token of its own. versitygw knows no session tokens, so there is none in what they give.
"""

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

ROLE = "arn:aws:iam::123456789012:role/helios-worker"


@dataclass
class Identity:
    """A service that runs. key, secret: what it gives. token: what it wants. lifetime: of what it gives."""

    key: str
    secret: str
    token: str = "token-of-the-pod"
    lifetime: timedelta = timedelta(hours=1)
    url: str = ""
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, query: dict[str, str], authorization: str) -> tuple[int, str]:
        """To a request."""
        self.asked.append(query.get("Action", path))
        until = (datetime.now(UTC) + self.lifetime).strftime("%Y-%m-%dT%H:%M:%SZ")
        if path == "/agent":
            if authorization != self.token:
                return 401, "who are you?"
            told = {"AccessKeyId": self.key, "SecretAccessKey": self.secret, "Token": "", "Expiration": until}
            return 200, json.dumps(told)
        if query.get("Action") == "AssumeRoleWithWebIdentity" and query.get("WebIdentityToken") == self.token:
            given = (
                f"<AccessKeyId>{self.key}</AccessKeyId><SecretAccessKey>{self.secret}</SecretAccessKey>"
                f"<SessionToken></SessionToken><Expiration>{until}</Expiration>"
            )
            result = f"<AssumeRoleWithWebIdentityResult><Credentials>{given}</Credentials>"
            return 200, f"<R>{result}</AssumeRoleWithWebIdentityResult></R>".replace(
                "R>", "AssumeRoleWithWebIdentityResponse>"
            )
        return 403, "<Error><Code>AccessDenied</Code><Message>Not authorized to assume the role</Message></Error>"


def _context(certificate: Path) -> ssl.SSLContext:
    """TLS with a certificate of its own for this machine, made here and good for a day."""
    key = certificate.with_suffix(".key")
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
    ]
    command += ["-keyout", str(key), "-out", str(certificate), "-subj", "/CN=helios-tests"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@contextmanager
def identity(key: str, secret: str, *, certificate: Path | None = None) -> Iterator[Identity]:
    """A service that gives these credentials.

    certificate: where to write the one that it is to be trusted by; None: it speaks in the clear.
    """
    state = Identity(key, secret)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(f"{parts.query}&{body}").items()}
            status, text = state.answer(parts.path, query, self.headers.get("Authorization", ""))
            self.send_response_only(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST  # noqa: N815 - as the standard library names it

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        server.socket = _context(certificate).wrap_socket(server.socket, server_side=True)
    state.url = f"{'http' if certificate is None else 'https'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
