"""The Lease at a server that does not answer, or not in time."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from helios_operator.kube import leader_election


async def test_a_call_that_hangs_ends(monkeypatch: pytest.MonkeyPatch):
    """The library looks at its deadline between calls only, and the client waits for five minutes."""
    monkeypatch.setattr(leader_election, "CALL_SECONDS", 0.1)

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silence, "127.0.0.1", 0)
    address: Any = server.sockets[0].getsockname()
    async with server, ApiClient(Configuration(host=f"http://127.0.0.1:{address[1]}")) as client, asyncio.timeout(30):
        lock = leader_election._Lock("lease", "default", "me", client)
        assert (await lock.get("lease", "default"))[0] is False
        await lock.release()


async def test_work_ends_before_the_lease_does(monkeypatch: pytest.MonkeyPatch):
    """However long calls hang: another operator may take the Lease when it has run out."""
    for name, seconds in {"LEASE_SECONDS": 3, "RENEW_SECONDS": 2, "RETRY_SECONDS": 1, "CALL_SECONDS": 60}.items():
        monkeypatch.setattr(leader_election, name, seconds)
    begun, ended, clock = asyncio.Event(), list[float](), asyncio.get_running_loop().time

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            return web.json_response(await request.json(), status=201)
        if begun.is_set():
            await asyncio.sleep(8)
        return web.json_response({"kind": "Status", "reason": "NotFound", "code": 404}, status=404)

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(clock())

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    before = clock()
    async with ApiClient(Configuration(host=f"http://127.0.0.1:{runner.addresses[0][1]}")) as client:
        with pytest.raises(leader_election.LeadershipLost):
            await leader_election.lead(client, "default", "lease", work)
    await runner.cleanup()
    assert begun.is_set()
    assert ended[0] - before < 8, "it went on until a call had ended"
