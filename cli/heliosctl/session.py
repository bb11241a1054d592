"""Workers of this machine for the time of a command."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from helios_operator.adapters.base import Deployment
from helios_operator.adapters.local import LocalAdapter, LocalConfig
from helios_worker.machine import cpu_count
from heliosctl.errors import debugging
from heliosctl.options import WorkerOptions
from heliosctl.progress import Listener


@asynccontextmanager
async def local_workers(options: WorkerOptions, listener: Listener) -> AsyncIterator[tuple[LocalAdapter, Deployment]]:
    """Worker processes, ready to be invoked; all of them have ended when the block does."""
    adapter = LocalAdapter()
    lanes = options.lanes or max(1, cpu_count() // options.workers)
    config = LocalConfig(workers=options.workers, lanes=lanes, on_frames=listener.frames, on_line=_log)
    try:
        yield adapter, await adapter.deploy(config)
    finally:
        await adapter.close()


def _log(line: str) -> None:
    if debugging():
        sys.stderr.write(f"worker: {line}\n")
