"""Workers for the time of a command: of this machine, and of the clouds."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from helios_adapters import (
    CloudAdapter,
    CloudRunAdapter,
    CloudRunConfig,
    LambdaAdapter,
    LambdaConfig,
    LocalAdapter,
    LocalConfig,
    TargetError,
)
from helios_worker.machine import cpu_count
from helios_worker.network.origin_headers import NO_HEADERS, OriginHeaders
from heliosctl.arguments.options import WorkerOptions
from heliosctl.arguments.targets import Destination
from heliosctl.local.fleet import Fleet, Target
from heliosctl.switches import debugging
from heliosctl.terminal.progress import Listener


@asynccontextmanager
async def local_fleet(
    options: WorkerOptions, listener: Listener, headers: OriginHeaders = NO_HEADERS
) -> AsyncIterator[Fleet]:
    """Worker processes of this machine; all of them have ended when the block does.

    headers: what they send the page's server in addition.
    """
    async with _local_workers(options, listener, headers) as (adapter, slots):
        yield Fleet.of_one(adapter, slots, listener)


@asynccontextmanager
async def fleet(
    destinations: Sequence[Destination],
    options: WorkerOptions,
    listener: Listener,
    headers: OriginHeaders = NO_HEADERS,
) -> AsyncIterator[Fleet]:
    """The targets named by --target. Those that cannot be used are left out, and the user is told.

    headers: what workers on this machine send the page's server in addition. Nothing secret goes to other machines.

    Raises:
        NoTargetLeft: none of them can.
    """
    is_local = any(each.kind == "local" for each in destinations)
    here = options if is_local else replace(options, workers=1)
    async with _local_workers(here, listener, headers) as (home, slots):
        away = [(each, *_adapter(each)) for each in destinations if each.kind != "local"]
        adapters = {str(each): adapter for each, adapter, _ in away}
        try:
            targets = [
                Target(str(each), adapters.get(str(each), home), each.slots or slots, each.kind == "local")
                for each in destinations
            ]
            made = Fleet(targets, home, listener)
            failures = await asyncio.gather(*(_failure(adapter, config) for _, adapter, config in away))
            for (each, *_), failure in zip(away, failures, strict=True):
                if failure is not None:
                    made.leave_out(str(each), str(failure))
            made.check()
            yield made
        finally:
            await asyncio.gather(*(adapter.close() for adapter in adapters.values()))


@asynccontextmanager
async def _local_workers(
    options: WorkerOptions, listener: Listener, headers: OriginHeaders
) -> AsyncIterator[tuple[LocalAdapter, int]]:
    """Workers, and how many there are."""
    adapter = LocalAdapter()
    lanes = options.lanes or max(1, cpu_count() // options.workers)
    config = LocalConfig(
        workers=options.workers,
        lanes=lanes,
        headers=headers.to_json() if headers else "",
        on_frames=listener.frames,
        on_line=_log,
    )
    try:
        yield adapter, (await adapter.deploy(config)).slots
    finally:
        await adapter.close()


def _adapter(destination: Destination) -> tuple[CloudAdapter[Any], object]:
    """What calls a target, and how it is told which one."""
    slots = destination.slots or 1
    if destination.kind == "lambda":
        return LambdaAdapter(), LambdaConfig(destination.name, destination.region, slots=slots)
    return CloudRunAdapter(), CloudRunConfig(url=destination.name, slots=slots)


async def _failure(adapter: CloudAdapter[Any], config: object) -> TargetError | None:
    """Looks at a target; what is wrong with it, if anything."""
    try:
        await adapter.deploy(config)
    except TargetError as error:
        return error
    return None


def _log(line: str) -> None:
    if debugging():
        sys.stderr.write(f"worker: {line}\n")
