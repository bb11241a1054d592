"""A time limit that does not run while the whole machine stands still.

A cloud function is frozen between two calls, and a container may be paused in the middle of a frame. Real time goes on
meanwhile. After the thaw a page would count as stuck although it had no time to run.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TICKS = 20


@asynccontextmanager
async def run_timeout(limit: float) -> AsyncIterator[None]:
    """As asyncio.timeout, but counts only the time in which this process runs.

    limit: in seconds, counted in TICKS equal parts. A part that comes late counts once, so a freeze uses up one part at
    most.

    Raises:
        TimeoutError: the block took longer.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as timeout:
        ticking: asyncio.TimerHandle

        def tick(left: int) -> None:
            nonlocal ticking
            if left == 0:
                timeout.reschedule(loop.time())
            else:
                ticking = loop.call_later(limit / TICKS, tick, left - 1)

        tick(TICKS)
        try:
            yield
        finally:
            ticking.cancel()
