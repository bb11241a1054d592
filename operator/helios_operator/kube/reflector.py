"""Follows one resource: lists it, watches from there, and lists it again after a gap and every few minutes.

kopf would watch all Jobs and pods of the cluster, and does not report when its list is complete. A reflector requests
only objects with a label, and reports when the list is complete.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from functools import partial

import structlog

from helios_crds.backoff import Backoff
from helios_operator.kube.client import ApiError, Client, Object, list_all

log = structlog.stdlib.get_logger(__name__)
RELIST = 300.0
ALIVE = 5.0
PAUSE = Backoff(base=0.1, cap=10)


class Pace:
    """The pause before the next connection: longer after each of several short connections in a row."""

    def __init__(self) -> None:
        self._short = 0

    def pause(self, lived: float) -> float:
        """Seconds to wait after a connection of `lived` seconds; none if it was not short."""
        if lived >= ALIVE:
            self._short = 0
            return 0.0
        self._short += 1
        return PAUSE.seconds(self._short)


class Reflector:
    """Follows the objects of one resource that a label selector matches. `synced` is set after the first list.

    on_event: called for every event, and for listed objects as MODIFIED. on_listed: called after a list with the UIDs
    of all objects and the list's resourceVersion. on_gap: called when a watch has failed.
    """

    def __init__(
        self,
        client: Client,
        path: str,
        selector: str,
        on_event: Callable[[str, Object], None],
        on_listed: Callable[[set[str], int], None],
        on_gap: Callable[[], None] = lambda: None,
    ) -> None:
        self.synced = asyncio.Event()
        self._client = client
        self._path = path
        self._selector = selector
        self._on_event = on_event
        self._on_listed = on_listed
        self._on_gap = on_gap
        self._pace = Pace()

    async def run(self) -> None:
        """Follows until it is cancelled. Whatever ends a watch, the next list shows the missed changes."""
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                await self._follow()
            except TimeoutError:
                continue  # time for the next list
            except ApiError as error:
                self._on_gap()
                log.info("a watch ended", path=self._path, error=str(error))
                await asyncio.sleep(self._pace.pause(clock() - began))

    async def _follow(self) -> None:
        uids, at = await list_all(self._client, self._path, self._selector, partial(self._on_event, "MODIFIED"))
        self._on_listed(uids, int(at))
        self.synced.set()
        clock = asyncio.get_running_loop().time
        async with asyncio.timeout(RELIST):
            while True:
                began = clock()
                async with aclosing(self._client.watch(self._path, self._selector, at)) as events:
                    async for kind, body in events:
                        at = body["metadata"]["resourceVersion"]
                        if kind != "BOOKMARK":
                            self._on_event(kind, body)
                await asyncio.sleep(self._pace.pause(clock() - began))
