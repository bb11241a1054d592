"""Chunks that take much longer than their siblings get one duplicate; the first commit wins."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median

from helios_crds.durations import parse_duration
from helios_crds.renderjob import Stragglers
from helios_operator.model.state import Attempt, AttemptPhase, Work

ENOUGH = 3


def patience(finished: Iterable[Attempt], settings: Stragglers) -> timedelta | None:
    """How long a chunk may run before it is a straggler; None while fewer than ENOUGH siblings tell.

    Measured from the container's start: waiting for room is nobody's slowness.
    """
    times = [
        (attempt.finished - attempt.started).total_seconds()
        for attempt in finished
        if attempt.phase is AttemptPhase.SUCCEEDED and attempt.started and attempt.finished
    ]
    if len(times) < ENOUGH:
        return None
    return max(timedelta(seconds=median(times) * settings.factor), parse_duration(settings.minimum))


def stragglers(attempts: Mapping[Work, Sequence[Attempt]], limit: timedelta, now: datetime) -> list[Work]:
    """Chunks to be duplicated, the longest-running first.

    attempts: unsettled ones of each chunk that is not done. One that has had a duplicate gets no other.
    """
    slow = [
        (found[0].started, work)
        for work, found in attempts.items()
        if len(found) == 1
        and found[0].phase is AttemptPhase.RUNNING
        and found[0].started is not None
        and now - found[0].started >= limit
    ]
    return [work for _, work in sorted(slow)]
