"""On which target a chunk is rendered: in order of preference, spilling over to the next when one has no room."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from helios_crds.renderjob import TargetUse
from helios_operator.config import BUILT_IN, Config
from helios_operator.state import Attempt, AttemptPhase


@dataclass(frozen=True)
class Room:
    """How many more chunks of this RenderJob a target takes."""

    target: str
    free: int


NO_LIMIT = 1 << 30
DEFAULT_USES = (TargetUse(name=BUILT_IN),)


def rooms(
    uses: Sequence[TargetUse],
    active: Sequence[Attempt],
    config: Config,
    now: datetime,
) -> list[Room]:
    """The targets' free places, in order of preference.

    active: attempts that hold a place. The fair share says how many a RenderJob may have; those whom it leaves
    with more than that keep them, so only what is free can be taken.
    A target whose pods have waited to start for too long counts as full, but for the last one.
    """
    held = Counter(attempt.target for attempt in active)
    stuck = {attempt.target for attempt in active if _is_stuck(attempt, now, config.spill_after)}
    found = []
    for use in uses:
        most = min(use.maxConcurrent or NO_LIMIT, config.grants.get(use.name, NO_LIMIT))
        more = min(most - held[use.name], config.free.get(use.name, NO_LIMIT))
        spilled = use.name in stuck and use is not uses[-1]
        found.append(Room(use.name, 0 if spilled else max(0, more)))
    return found


def within_budget(free: Iterable[Room], priced: Collection[str], affordable: int | None) -> list[Room]:
    """The rooms, of which those that cost something take no more chunks than a budget allows, the first ones first."""
    found = []
    for room in free:
        if affordable is not None and room.target in priced:
            room = Room(room.target, min(room.free, affordable))
            affordable -= room.free
        found.append(room)
    return found


def _is_stuck(attempt: Attempt, now: datetime, spill_after: timedelta) -> bool:
    """A Job that Kueue holds back is in a queue, not stuck."""
    return attempt.phase is AttemptPhase.WAITING and now - attempt.created > spill_after


def place(chunks: Iterable[int], free: Sequence[Room]) -> list[tuple[int, str]]:
    """A target for each chunk, as long as there is room; the rest waits."""
    places = (room.target for room in free for _ in range(room.free))
    return list(zip(chunks, places, strict=False))
