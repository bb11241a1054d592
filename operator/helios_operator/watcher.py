"""Children as they come and go: list, watch from there, and list again after a gap and every few minutes.

kopf would watch all Jobs and pods of the cluster and tells no one when it has seen them all; this asks the
server for ours only, and says so.
"""

import asyncio
from collections.abc import Callable

import structlog

from helios_operator import paths
from helios_operator.cache import Object
from helios_operator.cluster import ApiError, Cluster
from helios_operator.controller import Controller
from helios_operator.manifests.names import SELECTOR

log = structlog.stdlib.get_logger(__name__)
RELIST = 300.0
PAUSE = 1.0


class Watcher:
    """Follows one resource. `synced` is set after the first list."""

    def __init__(
        self,
        cluster: Cluster,
        path: str,
        on_list: Callable[[list[Object], int], None],
        on_event: Callable[[str, Object], None],
    ) -> None:
        self.synced = asyncio.Event()
        self._cluster = cluster
        self._path = path
        self._on_list = on_list
        self._on_event = on_event

    async def run(self) -> None:
        """Follows until it is cancelled. Whatever ends a watch, the next list tells what was missed."""
        while True:
            try:
                await self._follow()
            except (ApiError, TimeoutError, ValueError) as error:
                log.info("a watch ended", path=self._path, error=str(error) or type(error).__name__)
                await asyncio.sleep(PAUSE)

    async def _follow(self) -> None:
        items, at = await self._cluster.list(self._path, SELECTOR)
        self._on_list(items, int(at))
        self.synced.set()
        async with asyncio.timeout(RELIST):
            while True:
                async for kind, body in self._cluster.watch(self._path, SELECTOR, at):
                    at = body["metadata"]["resourceVersion"]
                    if kind != "BOOKMARK":
                        self._on_event(kind, body)


def watch_jobs(cluster: Cluster, controller: Controller, namespace: str) -> Watcher:
    """Keeps the controller's Jobs."""
    children, queue = controller.children, controller.queue

    def on_list(items: list[Object], at: int) -> None:
        for owner in children.replace_jobs(items, at):
            queue.add(owner)

    def on_event(kind: str, body: Object) -> None:
        gone = kind == "DELETED"
        owner = children.drop_job(body["metadata"]["uid"]) if gone else children.put_job(body)
        if owner is not None:
            queue.add(owner)

    return Watcher(cluster, paths.jobs(namespace), on_list, on_event)


def watch_pods(cluster: Cluster, controller: Controller, namespace: str) -> Watcher:
    """Keeps the controller's pods."""
    children, queue = controller.children, controller.queue

    def on_list(items: list[Object], at: int) -> None:
        for owner in children.replace_pods(items):
            queue.add(owner)

    def on_event(kind: str, body: Object) -> None:
        owner = children.drop_pod(body) if kind == "DELETED" else children.put_pod(body)
        if owner is not None:
            queue.add(owner)

    return Watcher(cluster, paths.core("pods", namespace), on_list, on_event)
