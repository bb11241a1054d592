"""The Lease, over a real API server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

import pytest
from kubernetes.aio.client import ApiClient, Configuration, CoordinationV1Api

from helios_operator.kube.leader_election import LEASE_SECONDS, lead
from tests.cluster.control_plane import ControlPlane


@pytest.fixture
async def client(plane: ControlPlane) -> AsyncIterator[ApiClient]:
    settings = Configuration(host=plane.server)
    authority, certificate, key = map(str, plane.certificate)
    settings.ssl_ca_cert, settings.cert_file, settings.key_file = authority, certificate, key
    async with ApiClient(settings) as found:
        yield found


async def test_who_ends_hands_the_lease_over(client, monkeypatch):
    async def hold(leads: asyncio.Event) -> None:
        leads.set()
        await asyncio.Event().wait()

    async def holder() -> str | None:
        lease = await CoordinationV1Api(client).read_namespaced_lease("handover", "default")
        assert lease.spec is not None
        return lease.spec.holder_identity

    for name in ("first", "second"):
        leads = asyncio.Event()
        monkeypatch.setattr("socket.gethostname", partial(str, name))
        operator = asyncio.create_task(lead(client, "default", "handover", partial(hold, leads)))
        await asyncio.wait_for(leads.wait(), LEASE_SECONDS / 2)  # sooner than the other's would run out
        assert (await holder() or "").startswith(name)
        operator.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await operator
        assert await holder() is None
