"""RenderJobs and RenderTargets as the API server lists them, against what kopf's events have told.

kopf's `on.event` tells of changes at once, but it cannot be all: it does not say when everything that exists has
been told, which the fair share needs before the first start, and what was deleted while its watch could not go on
(410) it never tells. A watch of our own beside kopf's would have every event come twice; kopf's alone needs only
these lists: before the first decision, soon after kopf has begun anew or a watch of ours has had a gap (what
happened to one watch has often happened to all), and every few minutes.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from helios_operator.kube.client import ApiError, Client, Object, tell_all
from helios_operator.kube.work_queue import WorkQueue

log = structlog.stdlib.get_logger(__name__)
RELIST = 300.0
SOON = 1.0
APART = 10.0
AFTER_ERROR = 5.0


@dataclass(frozen=True)
class Collected:
    """Who is told of a collection. on_object: of each object; on_listed: of all UIDs and the list's version."""

    on_object: Callable[[Object], None]
    on_listed: Callable[[set[str], int], None]


class Resync:
    """Lists collections, each at most every few seconds. `synced` is set when all were listed once."""

    def __init__(self, client: Client, collections: dict[str, Collected]) -> None:
        self.synced = asyncio.Event()
        self._client = client
        self._collections = collections
        self._unlisted = set(collections)
        self._due = WorkQueue()
        self._listed: dict[str, float] = {}

    def ask(self) -> None:
        """Something may have been missed."""
        now = asyncio.get_running_loop().time()
        for path in self._collections:
            self._due.add(path, max(SOON, self._listed.get(path, -APART) + APART - now))

    def heard(self, event: str | None) -> None:
        """Those of kopf's events that have no type come from its own list: it begins, or had to begin anew."""
        if event is None:
            self.ask()

    async def run(self) -> None:
        """Lists until it is cancelled. What cannot be listed stays as it is known."""
        for path in self._collections:
            self._due.add(path)
        while True:
            path = await self._due.take()
            try:
                await self._list(path)
            except ApiError as error:
                log.info("a list failed", path=path, error=str(error))
                self._due.add(path, AFTER_ERROR)
            else:
                self._listed[path] = asyncio.get_running_loop().time()
                self._due.add(path, RELIST)
                self._unlisted.discard(path)
                if not self._unlisted:
                    self.synced.set()
            finally:
                self._due.done(path)

    async def _list(self, path: str) -> None:
        told = self._collections[path]
        found, at = await tell_all(self._client, path, "", told.on_object)
        told.on_listed(found, int(at))
