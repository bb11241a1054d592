"""Children as they come and go: list, watch from there, and list again after a gap and every few minutes.

kopf would watch all Jobs and pods of the cluster and tells no one when it has seen them all; this asks the
server for ours only, and says so.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import structlog

from helios_operator.kube.client import ApiError, Client, tell_all
from helios_operator.manifests.names import SELECTOR
from helios_operator.observed.children import Object

log = structlog.stdlib.get_logger(__name__)
RELIST = 300.0
ALIVE = 5.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0


class Pace:
    """How long to wait before a connection is made again: longer with each one in a row that ended at once."""

    def __init__(self) -> None:
        self._short = 0

    def pause(self, lived: float) -> float:
        """Seconds to wait after a connection that lived for so many; after one that lived, none."""
        if lived >= ALIVE:
            self._short = 0
            return 0.0
        self._short += 1
        return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._short - 1, 20)))


class Reflector:
    """Follows one resource. `synced` is set after the first list.

    on_event: told of every object, also of those listed, as MODIFIED. on_listed: told the UIDs of all that there are
    after a list, and its resourceVersion. on_gap: called when a watch has to begin anew.
    """

    def __init__(
        self,
        client: Client,
        path: str,
        on_event: Callable[[str, Object], None],
        on_listed: Callable[[set[str], int], None],
        on_gap: Callable[[], None] = lambda: None,
    ) -> None:
        self.synced = asyncio.Event()
        self._client = client
        self._path = path
        self._on_event = on_event
        self._on_listed = on_listed
        self._on_gap = on_gap
        self._pace = Pace()

    async def run(self) -> None:
        """Follows until it is cancelled. Whatever ends a watch, the next list tells what was missed."""
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                await self._follow()
            except TimeoutError:
                continue  # the time for another list
            except ApiError as error:
                self._on_gap()
                log.info("a watch ended", path=self._path, error=str(error))
                await asyncio.sleep(self._pace.pause(clock() - began))

    async def _follow(self) -> None:
        found, at = await tell_all(self._client, self._path, SELECTOR, lambda body: self._on_event("MODIFIED", body))
        self._on_listed(found, int(at))
        self.synced.set()
        clock = asyncio.get_running_loop().time
        async with asyncio.timeout(RELIST):
            while True:
                began = clock()
                async with aclosing(self._client.watch(self._path, SELECTOR, at)) as events:
                    async for kind, body in events:
                        at = body["metadata"]["resourceVersion"]
                        if kind != "BOOKMARK":
                            self._on_event(kind, body)
                await asyncio.sleep(self._pace.pause(clock() - began))
