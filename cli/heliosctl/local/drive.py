"""The way of a command that renders: its workers start first, and it imports and checks the rest at the same time.

A worker needs half a second until its browser is there. Meanwhile this process imports its models and decisions, reads
the request and looks at the store, in a thread, so that Ctrl-C is heard.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from helios_worker.network.origin_headers import NO_HEADERS, OriginHeaders
from helios_worker.trace import mark
from heliosctl.arguments.options import TargetOptions, WorkerOptions
from heliosctl.arguments.targets import Destination, check_store, read_targets
from heliosctl.local.workers import local_workers
from heliosctl.terminal import interrupt

if TYPE_CHECKING:
    from helios_worker.artifacts.store import ArtifactStore
    from heliosctl.local.driver import Driver

T = TypeVar("T")
Prepared = tuple["ArtifactStore", Callable[["Driver"], Awaitable[T]]]
"""The artifact store, and what to do there with a driver."""


def drive(
    prepare: Callable[[], Prepared[T]],
    workers: WorkerOptions,
    targets: TargetOptions,
    store: str,
    headers: OriginHeaders = NO_HEADERS,
) -> tuple[T, "ArtifactStore"]:
    """Renders with workers on this machine, or on the targets named by --target, and shows progress.

    prepare: makes ready what only the driver needs, while the workers start. Called in a thread.
    store: URL of the artifact store.
    headers: what workers on this machine send the page's server in addition.

    Returns:
        What the work returned, and the store.

    Raises:
        Stopped: by a signal; the message says what is kept.
        HeliosError: the render failed for good, or --target is wrong.
    """
    destinations = read_targets(targets.target) if targets.target is not None else []
    check_store(destinations, store)
    under_way: list[tuple[ArtifactStore, Driver]] = []
    try:
        return interrupt.run(_driven(prepare, workers, destinations, headers, under_way.append))
    except Exception as error:
        from heliosctl.errors import Stopped

        if not isinstance(error, Stopped):
            raise
        raise Stopped(
            error.stop_code, what_is_kept(under_way), remedy="run the same command again to continue"
        ) from None


async def _driven(
    prepare: Callable[[], Prepared[T]],
    workers: WorkerOptions,
    destinations: list[Destination],
    headers: OriginHeaders,
    on_driver: Callable[[tuple["ArtifactStore", "Driver"]], None],
) -> tuple[T, "ArtifactStore"]:
    """As `drive`, without signals. on_driver: called with the store and the driver as soon as there is one."""
    mark("command line read")
    async with local_workers(workers, destinations, headers) as here:
        store, work = await asyncio.to_thread(_with_its_modules, prepare)
        mark("request made")
        from heliosctl.local.driver import Driver
        from heliosctl.local.fleet import open_fleet
        from heliosctl.terminal.progress import progress_for
        from heliosctl.terminal.report import stderr

        with progress_for(stderr()) as progress:
            here.listener = progress
            async with open_fleet(destinations, here, progress) as fleet:
                driver = Driver(fleet, store, progress, workers.retries)
                on_driver((store, driver))
                return await work(driver), store


def _with_its_modules(prepare: Callable[[], Prepared[T]]) -> Prepared[T]:
    """Prepares the work, and imports what it is driven with."""
    import heliosctl.local.driver
    import heliosctl.local.fleet
    import heliosctl.terminal.progress  # noqa: F401

    return prepare()


def what_is_kept(under_way: list[tuple["ArtifactStore", "Driver"]]) -> str:
    """What an interrupted render leaves, as a message."""
    for store, driver in under_way:
        if driver.job is not None:
            from heliosctl.local.driver import committed_chunks

            done, chunks = committed_chunks(store, driver.job), driver.job.chunks
            return f"{len(done)} of {len(chunks)} chunks are finished and kept"
    return "interrupted before the plan was made"
