"""Workers for the time of a command: of this machine, and of the clouds."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from helios_adapters.aws.adapter import LambdaAdapter, LambdaConfig
from helios_adapters.base import Deployment
from helios_adapters.errors import TargetError
from helios_adapters.google.service import CloudRunAdapter, CloudRunConfig
from helios_adapters.local import LocalAdapter, LocalConfig
from helios_worker.machine import cpu_count
from heliosctl.arguments.options import WorkerOptions
from heliosctl.arguments.targets import Destination
from heliosctl.local.fleet import Fleet, NoTargetLeft, Place
from heliosctl.switches import debugging
from heliosctl.terminal.progress import Listener


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


@asynccontextmanager
async def fleet(
    destinations: Sequence[Destination], options: WorkerOptions, listener: Listener
) -> AsyncIterator[tuple[Fleet, Deployment]]:
    """Targets as one. Those that cannot be used are left out, and said so.

    Raises:
        NoTargetLeft: none of them can.
    """
    is_local = any(each.kind == "local" for each in destinations)
    async with local_workers(options if is_local else replace(options, workers=1), listener) as (home, at_home):
        adapters = [LambdaAdapter() if each.kind == "lambda" else CloudRunAdapter() for each in destinations]
        try:
            places = [
                Place("local", home, at_home.slots, is_local=True)
                if each.kind == "local"
                else Place(str(each), adapter, each.slots or 1)
                for each, adapter in zip(destinations, adapters, strict=True)
            ]
            made = Fleet(places, home, listener)
            failures = await asyncio.gather(*map(_connected, destinations, adapters))
            for place, failure in zip(places, failures, strict=True):
                if failure is not None:
                    made.leave_out(place, str(failure))
            if all(place.left_out for place in places):
                raise NoTargetLeft([f"{place.name}: {place.left_out}" for place in places])
            yield made, Deployment(name="targets", slots=made.slots)
        finally:
            await asyncio.gather(*(adapter.close() for adapter in adapters))


async def _connected(destination: Destination, adapter: LambdaAdapter | CloudRunAdapter) -> TargetError | None:
    """Looks at a target; what is wrong with it, if anything."""
    slots = destination.slots or 1
    try:
        if destination.kind == "lambda":
            assert isinstance(adapter, LambdaAdapter)
            await adapter.deploy(LambdaConfig(destination.name, destination.region, slots=slots))
        elif destination.kind == "cloud-run":
            assert isinstance(adapter, CloudRunAdapter)
            await adapter.deploy(CloudRunConfig(url=destination.name, slots=slots))
    except TargetError as error:
        return error
    return None


def _log(line: str) -> None:
    if debugging():
        sys.stderr.write(f"worker: {line}\n")
