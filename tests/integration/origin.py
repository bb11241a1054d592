"""A web server for the pages' other origins and slow answers: real HTTP on this machine, with delays on
request.

`?delay=150` holds any answer for 150 ms of real time. `/barcode/2748.png` is a barcode, `/config.json` a
little JSON, everything else a file of the page corpus. Every answer may be read by any origin and is
never cached.
"""

from __future__ import annotations

import mimetypes
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.barcode import draw, png

PAGES = Path(__file__).with_name("pages")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        time.sleep(float(parse_qs(address.query).get("delay", ["0"])[0]) / 1000)
        status, kind, body = _answer(address.path)
        with suppress(ConnectionError):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Nothing: the test's own output is enough."""


def _answer(path: str) -> tuple[HTTPStatus, str, bytes]:
    if path == "/config.json":
        return HTTPStatus.OK, "application/json", b'{"ready": true}'
    if path.startswith("/barcode/") and path.endswith(".png"):
        return HTTPStatus.OK, "image/png", png(draw(int(Path(path).stem)))
    file = (PAGES / path.lstrip("/")).resolve()
    if file.is_relative_to(PAGES) and file.is_file():
        return (
            HTTPStatus.OK,
            mimetypes.guess_type(file.name)[0] or "application/octet-stream",
            file.read_bytes(),
        )
    return HTTPStatus.NOT_FOUND, "text/plain", b"no such file"


@contextmanager
def origin(host: str) -> Iterator[str]:
    """A running server; its address. Two hosts (`127.0.0.1`, `localhost`) are two sites."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
