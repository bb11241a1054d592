"""Runs blocking library calls in threads, outside of the event loop.

With concurrent.futures, the process could not end before its abandoned calls, for up to the 15 minutes of a function.
So each call has its own daemon thread. Next to the minute that a chunk takes, a thread costs nothing.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from helios_adapters.errors import NoCapacity

T = TypeVar("T")


class CallPool:
    """At most `size` concurrent calls.

    A cancelled call continues and keeps its slot until it ends, since the target is still working on it. `abandoned`
    counts these calls.
    """

    def __init__(self, size: int, where: str) -> None:
        self.size = size
        self.active = 0
        self.abandoned = 0
        self._where = where

    async def run(self, call: Callable[[], T]) -> T:
        """The result of a call in a thread.

        Raises:
            NoCapacity: all slots are in use. Calls are not queued here, where no policy could see them.
        """
        if self.active >= self.size:
            left = f", {self.abandoned} of them cancelled but not over" if self.abandoned else ""
            raise NoCapacity(f"{self.active} calls are under way{left}: that is the limit", where=self._where)
        self.active += 1
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        thread = threading.Thread(
            target=self._call, args=(loop, future, call), daemon=True, name=f"call to {self._where}"
        )
        try:
            thread.start()
        except RuntimeError as error:
            self.active -= 1
            raise NoCapacity(f"no thread can be started ({error})", where=self._where) from error
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if not future.done():
                self.abandoned += 1
                future.add_done_callback(self._forget)
            raise

    def _call(self, loop: asyncio.AbstractEventLoop, future: "asyncio.Future[T]", call: Callable[[], T]) -> None:
        outcome: Callable[[], None]
        try:
            result = call()
        except BaseException as error:
            outcome = partial(future.set_exception, error)
        else:
            outcome = partial(future.set_result, result)
        with suppress(RuntimeError):  # the event loop has ended, and the caller with it
            loop.call_soon_threadsafe(self._finish, outcome)

    def _finish(self, outcome: Callable[[], None]) -> None:
        self.active -= 1
        outcome()

    def _forget(self, future: "asyncio.Future[T]") -> None:
        self.abandoned -= 1
        future.exception()  # or asyncio would log that the exception was never retrieved
