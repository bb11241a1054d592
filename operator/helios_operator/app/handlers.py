"""kopf's part: RenderJobs and RenderTargets come in, the controller's tasks are started and ended."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import kopf
from kubernetes.aio import config as client_config
from kubernetes.aio.client import ApiClient

from helios_crds.base import GROUP, VERSION
from helios_crds.definitions import RENDER_JOBS, RENDER_TARGETS
from helios_operator import metrics
from helios_operator.app.sources import watch_jobs, watch_pods
from helios_operator.control.controller import Controller
from helios_operator.kube import paths
from helios_operator.kube.client import PAGE, Client
from helios_operator.kube.leader_election import lead
from helios_operator.kube.reflector import Reflector
from helios_operator.kube.resync import Collected, Resync
from helios_operator.model.config import Config


async def connect() -> ApiClient:
    """A client by the pod's service account, or by a kubeconfig."""
    try:
        client_config.load_incluster_config()  # type: ignore[no-untyped-call]
    except client_config.ConfigException:
        await client_config.load_kube_config()  # type: ignore[no-untyped-call]
    return ApiClient()


async def follow(controller: Controller, client: Client, resync: Resync, namespace: str) -> None:
    """Lists all that there is, and only then lets the controller decide."""
    sources: list[Reflector | Resync] = [
        watch_jobs(client, controller, namespace, resync.ask),
        watch_pods(client, controller, namespace),
        resync,
    ]
    async with asyncio.TaskGroup() as group:
        for source in sources:
            group.create_task(source.run())
        for source in sources:
            await source.synced.wait()
        group.create_task(controller.run())


@dataclass(frozen=True)
class Setup:
    """Where and how the operator works.

    namespace: the only one it looks after; "": all. lease: namespace and name of the Lease to hold; None: none.
    metrics_port: where Prometheus may ask; 0: nowhere.
    """

    namespace: str = ""
    lease: tuple[str, str] | None = None
    metrics_port: int = 0


def register(
    registry: kopf.OperatorRegistry, config: Config, setup: Setup, fail: Callable[[BaseException], None]
) -> None:
    """Adds the handlers. fail: told when the controller has ended by an error, to end the process."""
    running: dict[str, Any] = {}

    @kopf.on.login(registry=registry)
    def login(**given: Any) -> kopf.ConnectionInfo | None:
        # A registry of our own comes without kopf's; asked again when the API server says 401.
        found = kopf.login_with_service_account(**given)
        host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
        if found is None or not host:
            return found or kopf.login_with_kubeconfig(**given)
        # By address, as the client does: kopf asks the cluster's DNS, which need not be there.
        return replace(found, server=f"https://{f'[{host}]' if ':' in host else host}:{port}")

    @kopf.on.startup(registry=registry)
    async def start(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.posting.enabled = False  # events are written by us, about what people ask for
        settings.watching.chunk_size = PAGE
        api = await connect()
        client = Client(api)
        controller = Controller(client, config)
        render_jobs = paths.render_jobs(setup.namespace)
        targets = Collected(controller.put_target, controller.keep_targets)
        jobs = Collected(controller.put_render_job, controller.keep_render_jobs)
        resync = Resync(client, {paths.TARGETS: targets, render_jobs: jobs})
        if setup.metrics_port:
            metrics.serve(setup.metrics_port, controller.render_jobs)

        async def work() -> None:
            await follow(controller, client, resync, setup.namespace)

        leading = lead(api, *setup.lease, work) if setup.lease else work()
        task = asyncio.create_task(leading, name="controller")
        task.add_done_callback(lambda done: None if done.cancelled() else fail(done.exception() or SystemExit()))
        running.update(api=api, controller=controller, resync=resync, task=task)

    @kopf.on.cleanup(registry=registry)
    async def stop(**_: Any) -> None:
        running["task"].cancel()
        await asyncio.gather(running["task"], return_exceptions=True)
        await running["api"].close()

    @kopf.on.event(GROUP, VERSION, RENDER_JOBS, registry=registry)
    async def on_render_job(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's name
        if type == "DELETED":
            running["controller"].drop_render_job(body["metadata"]["uid"])
        else:
            running["controller"].put_render_job(dict(body))
        running["resync"].heard(type)

    @kopf.on.event(GROUP, VERSION, RENDER_TARGETS, registry=registry)
    async def on_target(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's name
        if type == "DELETED":
            running["controller"].drop_target(body["metadata"]["name"], body["metadata"]["uid"])
        else:
            running["controller"].put_target(dict(body))
        running["resync"].heard(type)
