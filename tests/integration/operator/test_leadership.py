"""The Lease, over a real API server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from kubernetes.aio.client import ApiClient, Configuration, CoordinationV1Api

from helios_operator.kube.leader_election import LEASE_SECONDS, lead
from tests.cluster.control_plane import ControlPlane
from tests.integration.operator.api import RENDER, Api, Refused, eventually, is_complete
from tests.integration.operator.operator_process import OperatorProcess
from tests.integration.operator.proxy import proxy
from tests.integration.operator.renders import render_job, target


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


async def test_two_operators_over_one_namespace(plane: ControlPlane, api: Api, tmp_path: Path):
    """As when a release for one namespace joins one for all: each has a Lease of its own, and both work at once."""
    where = await api.namespace("two-operators")
    await api.create(f"{RENDER}/rendertargets", target(where, 3))
    leases = [f"{where}/{name}" for name in ("first", "second")]
    async with contextlib.AsyncExitStack() as stack:
        way = await stack.enter_async_context(proxy(plane, where))
        for number, lease in enumerate(leases):
            operator = OperatorProcess(tmp_path / str(number), way.url, where, f"--lease={lease}")
            await stack.enter_async_context(operator)
        for lease in leases:
            await eventually(partial(is_held, api, *lease.split("/")), f"the Lease {lease} to be held")
        await api.create(f"{RENDER}/namespaces/{where}/renderjobs", render_job("film", where))
        status = (await api.until(where, "film", is_complete, "the film"))["status"]
        assert (status["chunkMap"], status["failures"]) == ("###", 0)
        assert status["operator"] in leases
        assert len(await api.jobs(where)) == 5, "each Job once"

        async def is_told() -> bool:
            events = await api.items(f"/api/v1/namespaces/{where}/events")
            return any(
                event["reason"] == "OtherOperator" and status["operator"] in event["message"] for event in events
            )

        await eventually(is_told, "the other operator to say that it leaves the RenderJob alone")
        writers = [call for call in way.writes if call.path.endswith("/renderjobs/film/status")]
        assert len(writers) < 30, "they do not undo each other's status"


async def is_held(api: Api, namespace: str, name: str) -> bool:
    try:
        lease = await api.get(f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}")
    except Refused:
        return False
    return bool(lease["spec"].get("holderIdentity"))
