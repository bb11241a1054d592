"""The API server and etcd are killed in mid-render and come back: it costs time, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.cluster.control_plane import API_SERVER, ETCD, ControlPlane
from tests.integration.operator.api import RENDER, Api, connected, eventually
from tests.integration.operator.one_render import Render, rendering
from tests.integration.operator.operator_process import OperatorProcess
from tests.integration.operator.renders import render_job


async def test_outages(own_plane: ControlPlane, tmp_path: Path):
    """The API server is killed, stays away for 5 s and comes back with an empty watch cache; then etcd does so.

    kopf may end the operator, whose Deployment starts it again; nothing may fail, or be done twice.
    """
    async with (
        connected(own_plane) as api,
        rendering(own_plane, api, tmp_path, "outage", run="2s") as render,
        kept_running(render.operator),
    ):
        await render.apply(parallelism=1)
        await render.rendering()
        for part in (API_SERVER, ETCD):
            await asyncio.to_thread(own_plane.stop, part)
            await asyncio.sleep(5)  # the fault itself
            await asyncio.to_thread(own_plane.start, part)
            status = await render.until(lambda status: True, "an answer")
            assert status["phase"] == "Rendering", "it was to happen in mid-render"
        await render.ends_well()
        await without_targets(api, render)


async def without_targets(api: Api, render: Render) -> None:
    """Somebody removes the definition of RenderTargets, and the operator starts again: it has its built-in target."""
    await api.delete("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/rendertargets.helios.video")
    await render.operator.kill()
    lone = render_job("lone", "outage")
    del lone["spec"]["execution"]["targets"]
    await api.create(f"{RENDER}/namespaces/outage/renderjobs", lone)

    async def is_planned() -> bool:
        return any(job["metadata"]["name"].startswith("lone-") for job in await api.jobs("outage"))

    await eventually(is_planned, "a plan on the built-in target")


@asynccontextmanager
async def kept_running(operator: OperatorProcess) -> AsyncIterator[None]:
    """Starts an operator again when it ends, as a Deployment does."""

    async def keep() -> None:
        while True:
            assert operator.process is not None
            await operator.process.wait()
            await asyncio.sleep(1)  # the kubelet's back-off is longer
            await operator.start()

    keeping = asyncio.create_task(keep())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
