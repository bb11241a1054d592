"""Scenarios that mostly wait, run side by side."""

import asyncio
from collections.abc import Awaitable, Iterable


async def side_by_side(scenarios: Iterable[Awaitable[None]]) -> None:
    """Runs scenarios to their ends; all that went wrong is told."""
    found = await asyncio.gather(*scenarios, return_exceptions=True)
    if errors := [error for error in found if isinstance(error, Exception)]:
        raise ExceptionGroup(f"{len(errors)} of {len(found)} scenarios failed", errors)
