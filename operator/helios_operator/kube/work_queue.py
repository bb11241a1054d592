"""RenderJobs to look at: each at most once in the queue, at the earliest time anybody asked for."""

import asyncio
import heapq
from contextlib import suppress


class WorkQueue:
    """Keys that become due. One that is being worked on is not handed out a second time meanwhile."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._working: set[str] = set()
        self._asked: dict[str, float] = {}
        self._changed = asyncio.Event()

    def add(self, key: str, delay: float = 0.0) -> None:
        """Asks for a look at a key after `delay` seconds; the earliest request wins."""
        now = asyncio.get_running_loop().time()
        due = now + delay
        if not delay:
            self._asked.setdefault(key, now)
        if due < self._due.get(key, float("inf")):
            self._due[key] = due
            heapq.heappush(self._heap, (due, key))
            self._changed.set()

    async def take(self) -> str:
        """The next key that is due; `done` must follow."""
        while True:
            wait = self._pop_due()
            if isinstance(wait, str):
                return wait
            self._changed.clear()
            # Not asyncio.wait_for: until Python 3.12 it swallows a cancellation in the moment of the change.
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()

    def answer(self, key: str) -> float | None:
        """When somebody first asked for a look at once, since the last answer; None if nobody did."""
        return self._asked.pop(key, None)

    def done(self, key: str) -> None:
        """A key has been worked on; it may be handed out again."""
        self._working.discard(key)
        if key in self._due:
            heapq.heappush(self._heap, (self._due[key], key))
        self._changed.set()

    def _pop_due(self) -> str | float | None:
        """A key, or seconds until there may be one; None: until one is added."""
        while self._heap:
            due, key = self._heap[0]
            if self._due.get(key) != due or key in self._working:
                heapq.heappop(self._heap)  # asked for earlier meanwhile, or comes back with `done`
                continue
            remaining = due - asyncio.get_running_loop().time()
            if remaining > 0:
                return remaining
            heapq.heappop(self._heap)
            del self._due[key]
            self._working.add(key)
            return key
        return None
