"""A time limit that does not run while the whole machine stands still.

A function in the cloud is frozen when nobody asks it for anything, and a paused container in the middle of a frame.
Real time goes on meanwhile, so that after the thaw a page would count as stuck that had no time at all.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TICKS = 20


@asynccontextmanager
async def run_timeout(limit: float) -> AsyncIterator[None]:
    """As asyncio.timeout, but of the time in which this process ran.

    limit: in seconds. It is counted in TICKS parts, and one that comes late counts as one: so a process that is
    frozen gains up to a part, and never loses its time.

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
