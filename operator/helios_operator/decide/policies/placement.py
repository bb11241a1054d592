"""On which target a chunk is rendered: in order of preference, spilling over to the next when one has no slot free."""

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
"""Failures on one target after which a chunk waits for another one."""


@dataclass(frozen=True)
class Slots:
    """How many more chunks of this RenderJob a target takes.

    is_open: whether slots will become free once others have ended: it is neither resting nor out of reach.
    """

    target: str
    free: int
    is_open: bool = True


def free_slots(
    uses: Sequence[TargetUse], active: Sequence[Attempt], observation: Observation, spill_after: timedelta
) -> list[Slots]:
    """The targets' free slots, in order of preference.

    active: attempts that hold a slot. A RenderJob that holds more than its fair share keeps what it holds, so only
    what is free can be taken. A target whose pods have waited too long to start counts as full, unless it is the last.
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
    """The slots, where targets that cost something take no more than the budget allows, the first ones first."""
    if budget is None:
        return list(slots)
    kept, affordable = [], budget.affordable
    for each in slots:
        if each.target in budget.priced:
            each = replace(each, free=min(each.free, affordable), is_open=each.is_open and affordable > 0)
            affordable -= each.free
        kept.append(each)
    return kept


def _is_stuck(attempt: Attempt, now: datetime, spill_after: timedelta) -> bool:
    """A Job that Kueue holds back is in a queue, not stuck."""
    return attempt.phase is AttemptPhase.WAITING and now - attempt.created > spill_after


def place(
    chunks: Iterable[int], slots: Sequence[Slots], tried: Mapping[int, Tried], most: int = NO_LIMIT
) -> list[tuple[int, str]]:
    """A target for each chunk, as long as slots are free, for `most` of them; the rest waits.

    tried: of the chunks that were. Such a chunk goes where it was tried least often, and waits for a while rather
    than go where it was tried SHUNNED_AFTER times: another target may do what one cannot. Those behind it do not wait.
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
