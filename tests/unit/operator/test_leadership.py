"""The Lease at a server that does not answer."""

import asyncio
from typing import Any

import pytest
from kubernetes.aio.client import ApiClient, Configuration

from helios_operator import leadership


async def test_a_call_that_hangs_ends_before_the_lease_does(monkeypatch: pytest.MonkeyPatch):
    """The library looks at its deadline between calls only, and the client waits for five minutes."""
    assert 2 * leadership.CALL_SECONDS + leadership.RETRY_SECONDS <= leadership.RENEW_SECONDS
    monkeypatch.setattr(leadership, "CALL_SECONDS", 0.1)

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silence, "127.0.0.1", 0)
    address: Any = server.sockets[0].getsockname()
    async with server, ApiClient(Configuration(host=f"http://127.0.0.1:{address[1]}")) as client, asyncio.timeout(30):
        lock = leadership._Lock("lease", "default", "me", client)
        assert (await lock.get("lease", "default"))[0] is False
        await lock.release()
