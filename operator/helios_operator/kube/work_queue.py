"""A queue of keys, such as UIDs of RenderJobs: each key at most once, at its earliest requested time."""

import asyncio
import heapq
from contextlib import suppress


class WorkQueue:
    """Hands out keys when they are due. A key that is being worked on is not handed out again before `done`."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._working: set[str] = set()
        self._requested: dict[str, float] = {}
        self._changed = asyncio.Event()

    def add(self, key: str, delay: float = 0.0) -> None:
        """Requests a key after `delay` seconds; the earliest request wins."""
        now = asyncio.get_running_loop().time()
        due = now + delay
        if not delay:
            self._requested.setdefault(key, now)
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

    def take_request(self, key: str) -> float | None:
        """Time of the first request without a delay since the last call; None if there was none."""
        return self._requested.pop(key, None)

    def done(self, key: str) -> None:
        """Marks a key as done; it may be handed out again."""
        self._working.discard(key)
        if key in self._due:
            heapq.heappush(self._heap, (self._due[key], key))
        self._changed.set()

    def _pop_due(self) -> str | float | None:
        """A due key, or the seconds until the next one is due; None if the queue is empty."""
        while self._heap:
            due, key = self._heap[0]
            if self._due.get(key) != due or key in self._working:
                heapq.heappop(self._heap)  # a stale entry, or a key that `done` will push again
                continue
            remaining = due - asyncio.get_running_loop().time()
            if remaining > 0:
                return remaining
            heapq.heappop(self._heap)
            del self._due[key]
            self._working.add(key)
            return key
        return None
