"""What lies between an operator and the API server, where things go wrong.

Everything passes through unchanged but for what a fault does to it. Writes are counted as the operator makes them,
those of Leases and Events aside: nothing depends on these.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import aiohttp
from aiohttp import web

from tests.cluster.certificates import client_context

WRITES = {"POST", "PUT", "PATCH", "DELETE"}
ASIDE = re.compile(r"/(leases|events)(/|$)")
HOP_BY_HOP = {"transfer-encoding", "connection", "content-length", "content-encoding"}


@dataclass(frozen=True)
class Call:
    """A request. write: its number among the writes, from 1; 0 for what is none."""

    method: str
    path: str
    write: int
    is_watch: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


Before = Callable[[Call], Awaitable[web.Response | None]]
After = Before


class Reset(Exception):
    """Raised by a fault: the connection ends without an answer."""


async def _nothing(_: Call) -> None:
    return None


@dataclass
class Proxy:
    """One operator's way to the API server.

    url: where it asks. where: the operator's namespace; all operators look after all RenderTargets, and a write to one
    that is not named for it counts as none. before: may answer a request in the API server's place. after: runs when
    the server has answered, and before the operator hears of it; it may replace the answer. writes: all of them, in
    order.
    """

    url: str
    where: str = ""
    before: Before = _nothing
    after: After = _nothing
    writes: list[Call] = field(default_factory=list)
    watches: int = 0
    _streams: dict[asyncio.Task[object], "_Stream"] = field(default_factory=dict)
    _server: str = ""
    _session: aiohttp.ClientSession | None = None

    def calm(self) -> None:
        """No fault from here on."""
        self.before, self.after = _nothing, _nothing

    def cut_watches(self) -> int:
        """Cuts every watch that is open. Returns how many there were."""
        cut = dict(self._streams)
        for task, stream in cut.items():
            if stream.request.transport is not None:
                stream.request.transport.abort()
            task.cancel()
        return len(cut)

    async def end_watches(self, event: Mapping[str, object], resource: str = "") -> int:
        """Ends watches, of one resource or all, with a last event. Returns how many there were."""
        ended = {task: each for task, each in self._streams.items() if each.request.path.endswith(resource)}
        for task, stream in ended.items():
            await stream.response.write(json.dumps(event).encode() + b"\n")
            await stream.response.write_eof()
            task.cancel()
        return len(ended)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Passes one request on."""
        try:
            return await self._handle(request)
        except (Reset, aiohttp.ClientError):  # the server's connection ended: so does the operator's
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=502)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        is_watch = request.query.get("watch") == "true"
        number = 0
        if request.method in WRITES and not self._is_aside(request.path):
            number = len(self.writes) + 1
        call = Call(request.method, request.path, number, is_watch)
        if number:
            self.writes.append(call)
        instead = await self.before(call)
        if instead is not None:
            return instead
        assert self._session is not None
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        async with self._session.request(
            request.method,
            self._server + request.path_qs,
            data=await request.read() or None,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=None),
        ) as answer:
            if is_watch and answer.status == 200:
                return await self._stream(request, answer)
            body = await answer.read()
            instead = await self.after(call)
            return instead or web.Response(status=answer.status, body=body, headers=_kept(answer))

    def _is_aside(self, path: str) -> bool:
        is_of_others = self.where and "/rendertargets/" in path and f"/rendertargets/{self.where}" not in path
        return bool(ASIDE.search(path) or is_of_others)

    async def _stream(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=_kept(answer))
        await response.prepare(request)
        self.watches += 1
        task = asyncio.current_task()
        assert task is not None
        self._streams[task] = _Stream(request, response)
        try:
            async for data in answer.content.iter_any():
                await response.write(data)
        except (ConnectionError, aiohttp.ClientError):
            if request.transport is not None:
                request.transport.abort()
        finally:
            del self._streams[task]
        return response


@dataclass(frozen=True)
class _Stream:
    request: web.Request
    response: web.StreamResponse


def _kept(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}


class Upstream(Protocol):
    """An API server.

    server: its address. certificate: files of its authority, and of an administrator's certificate and key.
    """

    @property
    def server(self) -> str: ...

    @property
    def certificate(self) -> tuple[Path, Path, Path]: ...


@asynccontextmanager
async def proxy(plane: Upstream, where: str = "") -> AsyncIterator[Proxy]:
    """A proxy in front of an API server, with an administrator's rights, for the operator of a namespace."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=client_context(plane.certificate), limit=0)
    ) as session:
        made = Proxy("", where, _server=plane.server, _session=session)
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", made.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield made
        finally:
            made.cut_watches()
            await runner.cleanup()


def refuse(status: int, reason: str) -> web.Response:
    """An answer as the API server gives it."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": status}
    return web.json_response({**body, "message": f"{reason}, says the test"}, status=status)
