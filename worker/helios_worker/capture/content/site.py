"""Serves compositions to the browser, each under a host of its own: http://<name>.composition.localhost/.

The origin is stable and trustworthy: fetch, modules, workers and crypto.subtle work as on a deployed page. The address
reveals nothing about the machine. The bytes come from a snapshot, so every chunk sees the same bytes.

Each browser has a site, with a port of its own, and a site serves the one composition that its browser shows. So what a
page may read is decided by the browser that it is in, which it cannot choose; the name alone opens nothing. All of them
serve the worker's fonts.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from helios_worker.capture.content import fonts
from helios_worker.capture.content.charset import with_charset
from helios_worker.capture.messages import FONTS_HOST, HOST_SUFFIX
from helios_worker.capture.moving_images import HEAD, animated_type
from helios_worker.errors import HeliosError
from helios_worker.network.listener import Listener

# 2026-01-01T00:00:00Z, as in the virtual clock.
EPOCH_SECONDS = 1_767_225_600
HEADERS = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*", "Accept-Ranges": "bytes"}
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
Locate = Callable[[str], Awaitable[Path | None]]
OnFault = Callable[[HeliosError], None]


class Mount:
    """A composition's files for as long as it is open; afterwards it finds nothing, and keeps nothing in memory.

    name: of the host that it is served under.
    locate: from a path within the composition to a local file, or None where there is none.
    on_fault: called when `locate` fails, which is not the page's mistake though the page sees a 500.
    """

    def __init__(self, name: str, locate: Locate, on_fault: OnFault = lambda error: None) -> None:
        self.host = f"{name}{HOST_SUFFIX}"
        self._source: tuple[Locate, OnFault] | None = (locate, on_fault)

    @property
    def address(self) -> str:
        """The composition's base address, ending in a slash."""
        return f"http://{self.host}/"

    def end(self) -> None:
        """No page is served from it any more."""
        self._source = None

    async def locate(self, path: str) -> Path | None:
        """The file at a path of the composition.

        Raises:
            HeliosError: the file could not be fetched; `on_fault` has been called.
        """
        if self._source is None or ".." in PurePosixPath(path).parts:
            return None
        locate, on_fault = self._source
        try:
            return await locate(path)
        except HeliosError as error:
            on_fault(error)
            raise


class Site(Listener):
    """A small HTTP server on loopback for one browser.

    Uses the standard library, because importing aiohttp took a quarter of a second, half of a worker's time from its
    start to its first page.
    """

    def __init__(self) -> None:
        super().__init__("site")
        self._mount: Mount | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Serves; a second call changes nothing."""
        self._loop = asyncio.get_running_loop()
        await super().start()

    def show(self, mount: Mount) -> None:
        """Serves this composition from now on, and no other."""
        self._mount = mount

    def _serve(self, connection: socket.socket) -> None:
        assert self._loop is not None
        with connection, suppress(OSError):  # the browser has ended, or no longer wants the rest
            _Handler(connection, connection.getpeername(), None, loop=self._loop, locate=self._locate)

    async def _locate(self, host: str, path: str) -> Path | None:
        if host == FONTS_HOST:
            return fonts.find(path)
        mount = self._mount
        return await mount.locate(path) if mount is not None and mount.host == host else None


class _Handler(BaseHTTPRequestHandler):
    """One connection, served from its first request to its last."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_version, sys_version = "helios", ""  # a page can read them

    def __init__(
        self,
        *connection: object,
        loop: asyncio.AbstractEventLoop,
        locate: Callable[[str, str], Awaitable[Path | None]],
    ) -> None:
        self._loop = loop
        self._locate = locate
        super().__init__(*connection)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answers with a file, or with the requested part of it. A folder is its index.html, as on web servers."""
        # The name must be right too: a page of another browser on this machine may find the port, but not forge a host.
        host = self.headers["Host"] or ""
        asked = urlsplit(self.path)
        path = str(PurePosixPath("/", unquote(asked.path).lstrip("/"))).lstrip("/")
        index = str(PurePosixPath(path, "index.html"))

        async def find() -> tuple[str, Path | None]:
            file = await self._locate(host, path)
            return (index, await self._locate(host, index)) if file is None and path else (path, file)

        try:
            found, file = asyncio.run_coroutine_threadsafe(find(), self._loop).result()
        except HeliosError as error:
            return self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, error.message)
        if file is None:
            return self._refuse(HTTPStatus.NOT_FOUND, f"the composition has no file {path}")
        if found == index and not asked.path.endswith("/"):
            return self._lead(f"{path_in_url(f'/{path}/')}{asked.query and f'?{asked.query}'}")
        return self._send(file, with_charset(_content_type(found, file), file))

    do_HEAD = do_GET  # noqa: N815

    def _send(self, file: Path, kind: str) -> None:
        size = file.stat().st_size
        part = _part(self.headers["Range"], size)
        self.send_response(HTTPStatus.OK if part is None else HTTPStatus.PARTIAL_CONTENT)
        first, end = part or (0, size)
        if part is not None:
            self.send_header("Content-Range", f"bytes {first}-{end - 1}/{size}")
        for name, value in {"Content-Type": kind, "Content-Length": str(end - first), **HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET" and end > first:
            with file.open("rb") as data:
                self.connection.sendfile(data, first, end - first)

    def _lead(self, address: str) -> None:
        """Sends the browser to another address, so that what the page there names is found."""
        self.send_response(HTTPStatus.MOVED_PERMANENTLY)
        for name, value in {"Location": address, "Content-Length": "0", **HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in {"Content-Type": "text/plain", "Content-Length": str(len(body)), **HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date of every answer: the page's own time at frame 0, since a page can read it."""
        return super().date_time_string(EPOCH_SECONDS)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Logs nothing; the page's console has every failed request."""


def _part(header: str | None, size: int) -> tuple[int, int] | None:
    """First and end of the bytes that a Range header asks for; None for all bytes.

    An invalid range is answered with the whole file, as RFC 9110, 14.2 allows.

    >>> _part("bytes=10-19", 100), _part("bytes=90-", 100), _part("bytes=-5", 100), _part("bytes=200-", 100)
    ((10, 20), (90, 100), (95, 100), None)
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or match[1] + match[2] == "":
        return None
    if match[1] == "":
        first, end = max(0, size - int(match[2])), size
    else:
        first, end = int(match[1]), min(int(match[2] or size) + 1, size)
    return (first, end) if first < end else None


def path_in_url(path: str) -> str:
    r"""A path as it stands in an address, so that the browser asks for this very file; as browsers write it themselves.

    >>> path_in_url("a b/100%25 #1?.html"), path_in_url("a(1),b!.html")
    ('a%20b/100%2525%20%231%3F.html', 'a(1),b!.html')
    """
    return quote(path, safe="/!$&'()*+,;=:@~|[]")


def _content_type(path: str, file: Path) -> str:
    """The media type by the name, or by the content for an image of several pictures, whatever its name says."""
    kind = content_type(path)
    if kind == DEFAULT_TYPE or (kind.startswith("image/") and kind != "image/svg+xml"):
        with file.open("rb") as data:
            return animated_type(data.read(HEAD)) or kind
    return kind


def content_type(path: str) -> str:
    """The media type by the name's ending. From our own table, since the system's table differs between images."""
    return CONTENT_TYPES.get(PurePosixPath(path).suffix.lower(), DEFAULT_TYPE)


DEFAULT_TYPE = "application/octet-stream"
CONTENT_TYPES = {
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "application/xhtml+xml",
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".cjs": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".apng": "image/apng",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".jfif": "image/jpeg",
    ".jxl": "image/jxl",
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".ico": "image/x-icon",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".ttf": "font/ttf",
    ".otf": "font/otf",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".wasm": "application/wasm",
    ".pdf": "application/pdf",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mpd": "application/dash+xml",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain",
    ".csv": "text/csv",
    ".xml": "application/xml",
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
    ".glsl": "text/plain",
    ".vtt": "text/vtt",
}
