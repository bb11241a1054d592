"""The health of the targets outside of the cluster, kept in memory, with timers for the ends of pauses and rests."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from helios_adapters import Health, TargetHealth

log = structlog.stdlib.get_logger(__name__)
SLACK = 1.0
"""Seconds added to each timer: pauses end by the API server's clock, which is known to about a second."""


def timed_health(now: Callable[[], datetime], on_capacity: Callable[[str], None]) -> TargetHealth:
    """Health by target and RenderJob.

    now: by the API server's clock. on_capacity: called with the name of a target that rests, or may take chunks again.
    """

    def changed(target: str, owner: str, before: Health, after: Health) -> None:
        at = now()
        if after.is_resting(at) and not before.is_resting(at):
            log.warning("a target rests", target=target, until=f"{after.until:%H:%M:%S}", why=after.why, uid=owner)
        if after.until is not None and after.until != before.until:
            pause = max(0.0, (after.until - at).total_seconds()) + SLACK
            asyncio.get_running_loop().call_later(pause, on_capacity, target)
        if before.is_resting(at) != after.is_resting(at):
            on_capacity(target)

    return TargetHealth(now, changed)
