"""Worker processes of this machine for the time of a command."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helios_adapters.local import LocalAdapter, LocalConfig
from helios_worker.machine import cpu_count
from helios_worker.network.origin_headers import OriginHeaders
from heliosctl.arguments.options import WorkerOptions
from heliosctl.arguments.targets import Destination
from heliosctl.local import early
from heliosctl.switches import debugging

if TYPE_CHECKING:
    from heliosctl.terminal.progress import Listener


@dataclass
class LocalWorkers:
    """Workers of this machine. slots: how many there are. listener: hears of encoded frames, once there is one."""

    adapter: LocalAdapter
    slots: int = 1
    listener: "Listener | None" = None

    def note_frames(self, chunk: int, count: int) -> None:
        """So many more frames of a chunk are encoded."""
        if self.listener is not None:
            self.listener.frames(chunk, count)


@asynccontextmanager
async def local_workers(
    options: WorkerOptions, destinations: Sequence[Destination], headers: OriginHeaders
) -> AsyncIterator[LocalWorkers]:
    """Worker processes of this machine, the first of them started; all of them have ended when the block does.

    destinations: where chunks are rendered; none: here. One worker alone plans and joins what is rendered elsewhere.
    headers: what they send the page's server in addition. Nothing secret goes to other machines.
    """
    is_local = not destinations or any(each.kind == "local" for each in destinations)
    count = options.workers if is_local else 1
    here = LocalWorkers(LocalAdapter(early.take_worker()))
    config = LocalConfig(
        workers=count,
        lanes=options.lanes or max(1, cpu_count() // count),
        headers=headers.to_json() if headers else "",
        on_frames=here.note_frames,
        on_line=_log,
    )
    try:
        here.slots = (await here.adapter.deploy(config)).slots
        yield here
    finally:
        await here.adapter.close()


def _log(line: str) -> None:
    if debugging():
        sys.stderr.write(f"worker: {line}\n")
