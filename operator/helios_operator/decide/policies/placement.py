"""The target for each chunk: the preferred one with a free slot; a full target spills over to the next."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from helios_crds.renderjob import TargetUse
from helios_operator.decide.policies.budget import Budget
from helios_operator.model.config import NO_LIMIT
from helios_operator.model.observation import Observation
from helios_operator.model.state import UNTRIED, Attempt, AttemptPhase, Tried

SHUNNED_AFTER = 2
"""After so many failures on one target, a chunk waits for another target."""


@dataclass(frozen=True)
class Slots:
    """How many more chunks of this RenderJob a target takes.

    is_open: whether slots can become free there soon: the target is not resting and not excluded.
    """

    target: str
    free: int
    is_open: bool = True


def free_slots(
    uses: Sequence[TargetUse], active: Sequence[Attempt], observation: Observation, spill_after: timedelta
) -> list[Slots]:
    """The targets' free slots, in order of preference.

    active: attempts that hold a slot. Other RenderJobs may hold more than their fair share and keep those slots, so
    only free slots can be taken. A target whose pods have waited too long counts as full, unless it is the last one.
    """
    held = Counter(attempt.target for attempt in active)
    stuck = {attempt.target for attempt in active if _is_stuck(attempt, observation.now, spill_after)}
    slots = []
    for use in uses:
        capacity = observation.capacity_of(use.name)
        most = min(use.maxConcurrent or NO_LIMIT, capacity.granted)
        more = min(most - held[use.name], capacity.free)
        spilled = use.name in stuck and use is not uses[-1]
        is_open = most > 0 and not spilled and not capacity.resting
        slots.append(Slots(use.name, 0 if spilled else max(0, more), is_open))
    return slots


def within_budget(slots: Iterable[Slots], budget: Budget | None) -> list[Slots]:
    """The slots, where priced targets together have no more than the budget allows, the preferred ones first."""
    if budget is None:
        return list(slots)
    limited, affordable = [], budget.affordable
    for each in slots:
        if each.target in budget.priced:
            each = replace(each, free=min(each.free, affordable), is_open=each.is_open and affordable > 0)
            affordable -= each.free
        limited.append(each)
    return limited


def _is_stuck(attempt: Attempt, now: datetime, spill_after: timedelta) -> bool:
    """A Job that Kueue suspends waits in a queue and is not stuck."""
    return attempt.phase is AttemptPhase.WAITING and now - attempt.created > spill_after


def place(
    chunks: Iterable[int], slots: Sequence[Slots], tried: Mapping[int, Tried], most: int = NO_LIMIT
) -> list[tuple[int, str]]:
    """A target for each chunk, for at most `most` chunks and while slots are free; the rest waits.

    tried: by chunk, for chunks that were tried. Such a chunk gets the target where it was tried least often. It waits
    for a while rather than use a target where it failed SHUNNED_AFTER times, since another target may be able to
    render it. Later chunks do not wait for it.
    """
    left = {each.target: each.free for each in slots}
    placed: list[tuple[int, str]] = []
    for chunk in chunks:
        if len(placed) >= most or not any(left.values()):
            break
        target = _target_for(slots, left, tried.get(chunk, UNTRIED))
        if target is not None:
            left[target] -= 1
            placed.append((chunk, target))
    return placed


def _target_for(slots: Sequence[Slots], left: Mapping[str, int], tried: Tried) -> str | None:
    def times(target: str) -> int:
        return tried.times.get(target, 0)

    able = [each.target for each in slots if left[each.target] or (each.is_open and tried.may_wait)]
    trusted = [target for target in able if times(target) < SHUNNED_AFTER] or able
    return min((target for target in trusted if left[target]), key=times, default=None)
