"""kopf's handlers: they pass RenderJobs and RenderTargets to the controller, and start and end its tasks."""

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
from helios_operator.app.health import Health
from helios_operator.app.sources import watch_jobs, watch_pods
from helios_operator.control.controller import Controller
from helios_operator.kube import paths
from helios_operator.kube.client import PAGE, Client
from helios_operator.kube.leader_election import lead
from helios_operator.kube.reflector import Reflector
from helios_operator.kube.resync import Callbacks, Resync
from helios_operator.model.config import Config


async def connect() -> ApiClient:
    """A client with the pod's service account, or with a kubeconfig outside of a cluster."""
    try:
        client_config.load_incluster_config()  # type: ignore[no-untyped-call]
    except client_config.ConfigException:
        await client_config.load_kube_config()  # type: ignore[no-untyped-call]
    return ApiClient()


async def follow(controller: Controller, client: Client, resync: Resync, namespace: str, health: Health) -> None:
    """Lists all objects first, and only then starts the controller."""
    health.starts(lambda: f"{resync.missing} is not served, install the chart's crds/" if resync.missing else "")
    sources: list[Reflector | Resync] = [
        watch_jobs(client, controller, namespace, resync.request),
        watch_pods(client, controller, namespace),
        resync,
    ]
    async with asyncio.TaskGroup() as group:
        for source in sources:
            group.create_task(source.run())
        for source in sources:
            await source.synced.wait()
        health.serves()
        group.create_task(controller.run())


@dataclass(frozen=True)
class Setup:
    """Where the operator works.

    namespace: the only namespace to watch; "" means all. lease: namespace and name of the Lease to hold; None: no
    leader election. metrics_port: port for Prometheus; 0: no metrics.
    """

    namespace: str = ""
    lease: tuple[str, str] | None = None
    metrics_port: int = 0


def register(
    registry: kopf.OperatorRegistry, config: Config, setup: Setup, fail: Callable[[BaseException], None]
) -> None:
    """Adds the handlers. fail: called with the error when the controller has ended, to end the process."""
    running: dict[str, Any] = {}
    health = Health()
    kopf.on.probe(registry=registry, id="operator")(health.probe)

    @kopf.on.login(registry=registry)
    def login(**given: Any) -> kopf.ConnectionInfo | None:
        # Our own registry lacks kopf's login handlers. kopf calls this again after a 401.
        connection = kopf.login_with_service_account(**given)
        host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
        if connection is None or not host:
            return connection or kopf.login_with_kubeconfig(**given)
        # The server's IP address, as the client uses it: kopf would need the cluster's DNS, which may be down.
        return replace(connection, server=f"https://{f'[{host}]' if ':' in host else host}:{port}")

    @kopf.on.startup(registry=registry)
    async def start(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.posting.enabled = False  # the EventRecorder writes the Events
        settings.watching.chunk_size = PAGE
        api = await connect()
        client = Client(api)
        controller = Controller(client, config)
        render_jobs = paths.render_jobs(setup.namespace)
        targets = Callbacks(controller.put_target, controller.keep_targets)
        jobs = Callbacks(controller.put_render_job, controller.keep_render_jobs)
        # Without RenderTargets there is still the built-in target.
        resync = Resync(client, {paths.TARGETS: targets, render_jobs: jobs}, needed=[render_jobs])
        if setup.metrics_port:
            metrics.serve(setup.metrics_port, controller.render_jobs)

        async def work() -> None:
            await follow(controller, client, resync, setup.namespace, health)

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
        running["resync"].on_event(type)

    @kopf.on.event(GROUP, VERSION, RENDER_TARGETS, registry=registry)
    async def on_target(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's name
        if type == "DELETED":
            running["controller"].drop_target(body["metadata"]["name"], body["metadata"]["uid"])
        else:
            running["controller"].put_target(dict(body))
        running["resync"].on_event(type)
