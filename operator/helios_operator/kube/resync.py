"""Lists RenderJobs and RenderTargets, to complete the events that kopf delivers.

kopf's `on.event` delivers changes at once, with two gaps. It does not report when its first list is complete, which
the fair share needs before the first start. And it never reports deletions that happened while its watch had expired
(410). A watch of our own would deliver every event twice. Lists are enough: one before the first decision, one soon
after kopf's watch or ours had a gap (a cause of one gap often causes all), and one every few minutes.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass

import structlog

from helios_operator.kube.client import ApiError, Client, Object, list_all
from helios_operator.kube.work_queue import WorkQueue

log = structlog.stdlib.get_logger(__name__)
RELIST = 300.0
SOON = 1.0
APART = 10.0
AFTER_ERROR = 5.0
AFTER_MISSING = 15.0


@dataclass(frozen=True)
class Callbacks:
    """Callbacks of a collection. on_object: for each object. on_listed: with all UIDs and the list's version."""

    on_object: Callable[[Object], None]
    on_listed: Callable[[set[str], int], None]


class Resync:
    """Lists collections, each at most every APART seconds. `synced` is set once all were listed.

    needed: the paths of collections without which nothing works; all by default. Any other one may not be served.
    `missing`: a needed one that is not served; "" if there is none.
    """

    def __init__(
        self, client: Client, collections: dict[str, Callbacks], needed: Collection[str] | None = None
    ) -> None:
        self.synced = asyncio.Event()
        self.missing = ""
        self._needed = frozenset(collections if needed is None else needed)
        self._client = client
        self._collections = collections
        self._unlisted = set(collections)
        self._due = WorkQueue()
        self._listed: dict[str, float] = {}

    def request(self) -> None:
        """Requests a list of each collection, since events may have been missed."""
        now = asyncio.get_running_loop().time()
        for path in self._collections:
            self._due.add(path, max(SOON, self._listed.get(path, -APART) + APART - now))

    def on_event(self, event: str | None) -> None:
        """Takes the type of kopf's events. Those of its own list have none: its watch has started or restarted."""
        if event is None:
            self.request()

    async def run(self) -> None:
        """Lists until it is cancelled. A collection whose list fails stays as it is known."""
        for path in self._collections:
            self._due.add(path)
        while True:
            path = await self._due.take()
            try:
                await self._list(path)
            except ApiError as error:
                self._failed(path, error)
            else:
                self._listed[path] = asyncio.get_running_loop().time()
                self._due.add(path, RELIST)
                self.missing = "" if self.missing == path else self.missing
                self._listed_all(path)
            finally:
                self._due.done(path)

    def _failed(self, path: str, error: ApiError) -> None:
        """A collection that is not served has no objects. Without `needed` ones the operator cannot work."""
        self.missing = path if error.status == 404 and path in self._needed else self.missing
        if error.status == 404:
            log.warning("a resource is not served: install the chart's crds/", path=path)
            if path not in self._needed:
                self._listed_all(path)
            self._due.add(path, AFTER_MISSING)
        else:
            log.info("a list failed", path=path, error=str(error))
            self._due.add(path, AFTER_ERROR)

    def _listed_all(self, path: str) -> None:
        self._unlisted.discard(path)
        if not self._unlisted:
            self.synced.set()

    async def _list(self, path: str) -> None:
        callbacks = self._collections[path]
        uids, at = await list_all(self._client, path, "", callbacks.on_object)
        callbacks.on_listed(uids, int(at))
