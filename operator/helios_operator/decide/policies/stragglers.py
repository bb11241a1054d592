"""Stragglers: a chunk that takes much longer than its siblings gets one second attempt; the first commit wins."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median

from helios_crds.durations import parse_duration
from helios_crds.renderjob import Stragglers
from helios_operator.model.state import Attempt, AttemptPhase, Work

ENOUGH = 3


def straggler_limit(finished: Iterable[Attempt], settings: Stragglers) -> timedelta | None:
    """How long a chunk may run before it is a straggler; None while fewer than ENOUGH siblings have finished.

    The time counts from the container's start, so waiting for a node does not make a straggler.
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
    """Chunks that get a second attempt, the longest-running first.

    attempts: unsettled attempts of each unfinished chunk. A chunk gets only one second attempt.
    """
    slow = [
        (of_work[0].started, work)
        for work, of_work in attempts.items()
        if len(of_work) == 1
        and of_work[0].phase is AttemptPhase.RUNNING
        and of_work[0].started is not None
        and now - of_work[0].started >= limit
    ]
    return [work for _, work in sorted(slow)]
