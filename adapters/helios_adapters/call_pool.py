"""Blocking calls of a library, away from the event loop.

concurrent.futures would have the process wait at its end for calls that nobody wants any more, up to a function's
quarter of an hour. So each call has a daemon thread of its own: beside a chunk's minute that costs nothing.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from helios_adapters.errors import NoRoom

T = TypeVar("T")


class CallPool:
    """At most `size` calls at once.

    A call that was cancelled goes on unheard, and keeps its place until it ends: what it asked for is still being
    done. So `abandoned` of the places may be taken by work that nobody waits for.
    """

    def __init__(self, size: int, where: str) -> None:
        self.size = size
        self.active = 0
        self.abandoned = 0
        self._where = where

    async def run(self, call: Callable[[], T]) -> T:
        """The result of a call in a thread.

        Raises:
            NoRoom: all places are taken. There is no queue here that a policy could not see.
        """
        if self.active >= self.size:
            left = f", {self.abandoned} of them cancelled and not over yet" if self.abandoned else ""
            raise NoRoom(f"{self.active} calls are under way{left}, and no more are made at once", where=self._where)
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
            raise NoRoom(f"no thread can be started ({error})", where=self._where) from error
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
        with suppress(RuntimeError):  # the loop has ended, and with it whoever asked
            loop.call_soon_threadsafe(self._settle, outcome)

    def _settle(self, outcome: Callable[[], None]) -> None:
        self.active -= 1
        outcome()

    def _forget(self, future: "asyncio.Future[T]") -> None:
        self.abandoned -= 1
        future.exception()  # or asyncio would say that nobody was told
