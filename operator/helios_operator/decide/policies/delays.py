"""What keeps a render from going on while nothing has failed yet, for whoever looks at it meanwhile."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from helios_operator.model.state import Attempt, AttemptPhase

WORTH_TELLING = timedelta(seconds=10)
"""Pods take some seconds to start, and nobody need read of that."""


def delay(attempts: Iterable[Attempt], now: datetime, notes: Iterable[str] = ()) -> str:
    """What holds active attempts up, for one of each kind, and how many there are; empty if nothing does.

    notes: what keeps targets from taking more. What we stop ourselves is nobody's delay.
    """
    held = [attempt for attempt in attempts if not attempt.stopping]
    leaving = [attempt for attempt in held if attempt.leaving]
    silent = [attempt for attempt in held if attempt.silent and not attempt.leaving]
    waiting = [attempt for attempt in held if is_waiting_long(attempt, now) and not attempt.leaving]
    told = list(notes)
    if silent:
        told.append(f"{_pods(silent)} on a node that does not answer")
    if leaving:
        told.append(f"{_pods(leaving)} being taken away: {leaving[0].leaving}")
    if waiting:
        told.append(f"{_pods(waiting)} not starting: {waiting[0].waiting or 'no reason is known'}")
    return "; ".join(told)


def is_waiting_long(attempt: Attempt, now: datetime) -> bool:
    """Whether a pod has not started in the time that pods take."""
    return attempt.phase is AttemptPhase.WAITING and now - attempt.created >= WORTH_TELLING


def _pods(attempts: list[Attempt]) -> str:
    count = len(attempts)
    return "a pod is" if count == 1 else f"{count} pods are"
