"""Serves compositions to the browser, each under a host of its own: http://<name>.composition.localhost/.

A stable, trustworthy origin: fetch, modules, workers and crypto.subtle work as on a deployed page, and its
address tells nothing of the machine. Bytes come from a snapshot, so every chunk sees the same ones.
"""

import socket
from collections.abc import Awaitable, Callable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from helios_worker.errors import HeliosError

if TYPE_CHECKING:
    from aiohttp import web

HOST_SUFFIX = ".composition.localhost"
Locate = Callable[[str], Awaitable[Path | None]]
OnFault = Callable[[HeliosError], None]


class Site:
    """A small HTTP server on loopback.

    Its port is bound at once, for the browser is started with it; aiohttp, which takes a fifth of a second to
    import, is needed only when the first page is opened, while the browser starts.
    """

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._mounts: dict[str, tuple[Locate, OnFault]] = {}
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Serves; doing it again changes nothing."""
        if self._runner is not None:
            return
        from aiohttp import web

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()

    async def stop(self) -> None:
        """Closes the listener and every connection."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._socket.close()

    def mount(self, name: str, locate: Locate, on_fault: OnFault = lambda error: None) -> str:
        """Serves a composition under `name`; returns its base address, ending in a slash.

        locate: from a path within the composition to a local file, or None where there is none.
        on_fault: told when `locate` fails, which is not the page's mistake though the page sees a 500.
        """
        self._mounts[name] = (locate, on_fault)
        return f"http://{name}{HOST_SUFFIX}/"

    async def _answer(self, request: "web.Request") -> "web.StreamResponse":
        from aiohttp import web

        name = (request.host or "").removesuffix(HOST_SUFFIX)
        path = str(PurePosixPath("/", request.match_info["path"])).lstrip("/")
        file = await self._locate(name, path) if ".." not in PurePosixPath(path).parts else None
        if file is None:
            raise web.HTTPNotFound(text=f"the composition has no file {path}")
        if request.method not in ("GET", "HEAD"):
            raise web.HTTPMethodNotAllowed(request.method, ["GET", "HEAD"])
        response = web.FileResponse(file, headers={"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"})
        response.content_type = content_type(path)
        return response

    async def _locate(self, name: str, path: str) -> Path | None:
        from aiohttp import web

        if name not in self._mounts:
            return None
        locate, on_fault = self._mounts[name]
        try:
            return await locate(path)
        except HeliosError as error:
            on_fault(error)
            raise web.HTTPInternalServerError(text=error.message) from error


def content_type(path: str) -> str:
    """The media type by the name's ending, from a table of ours: the machine's own differs from image to image."""
    return CONTENT_TYPES.get(PurePosixPath(path).suffix.lower(), "application/octet-stream")


CONTENT_TYPES = {
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "application/xhtml+xml",
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".apng": "image/apng",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
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
    ".txt": "text/plain",
    ".csv": "text/csv",
    ".xml": "application/xml",
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
    ".glsl": "text/plain",
    ".vtt": "text/vtt",
}
