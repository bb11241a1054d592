"""On which target a chunk is rendered: in order of preference, spilling over to the next when one has no room."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from helios_crds.renderjob import TargetUse
from helios_operator.model.config import NO_LIMIT, Config
from helios_operator.model.state import Attempt, AttemptPhase


@dataclass(frozen=True)
class Room:
    """How many more chunks of this RenderJob a target takes.

    is_open: whether there will be room once others have ended: it is not left alone, nor out of this RenderJob's reach.
    """

    target: str
    free: int
    is_open: bool = True


SHUNNED_AFTER = 2


@dataclass(frozen=True)
class Tried:
    """Where a chunk was tried without success so far, and how often.

    may_wait: whether it may wait for room where it was tried less often; not for ever, for that may never come.
    """

    times: Mapping[str, int]
    may_wait: bool


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
        is_open = most > 0 and not spilled and use.name not in config.notes
        found.append(Room(use.name, 0 if spilled else max(0, more), is_open))
    return found


def within_budget(free: Iterable[Room], priced: Collection[str], affordable: int | None) -> list[Room]:
    """The rooms, of which those that cost something take no more chunks than a budget allows, the first ones first."""
    found = []
    for room in free:
        if affordable is not None and room.target in priced:
            room = replace(room, free=min(room.free, affordable), is_open=room.is_open and affordable > 0)
            affordable -= room.free
        found.append(room)
    return found


def _is_stuck(attempt: Attempt, now: datetime, spill_after: timedelta) -> bool:
    """A Job that Kueue holds back is in a queue, not stuck."""
    return attempt.phase is AttemptPhase.WAITING and now - attempt.created > spill_after


def place(
    chunks: Iterable[int], free: Sequence[Room], tried: Callable[[int], Tried], most: int = NO_LIMIT
) -> list[tuple[int, str]]:
    """A target for each chunk, as long as there is room, for `most` of them; the rest waits.

    A chunk that was tried goes where that was least often, and rather waits for a while than goes where it was
    SHUNNED_AFTER times: what one target cannot do another may. Those behind it do not wait for it.
    """
    left = {room.target: room.free for room in free}
    found: list[tuple[int, str]] = []
    for chunk in chunks:
        if len(found) >= most or not any(left.values()):
            break
        target = _target_for(free, left, tried(chunk))
        if target is not None:
            left[target] -= 1
            found.append((chunk, target))
    return found


def _target_for(rooms: Sequence[Room], left: Mapping[str, int], tried: Tried) -> str | None:
    def times(target: str) -> int:
        return tried.times.get(target, 0)

    able = [room.target for room in rooms if left[room.target] or (room.is_open and tried.may_wait)]
    trusted = [target for target in able if times(target) < SHUNNED_AFTER] or able
    return min((target for target in trusted if left[target]), key=times, default=None)
