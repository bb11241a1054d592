"""What takes too long: pods that do not start, pods that do not end, renders that do not finish."""

from datetime import datetime, timedelta

from helios_operator.model.state import Attempt, AttemptPhase


def has_not_started(attempt: Attempt, now: datetime, limit: timedelta) -> bool:
    """Whether a pod has waited too long for its image, volume or node: none of these fails by itself.

    A Job that Kueue holds back is waiting for its turn, which may be long.
    """
    return attempt.phase is AttemptPhase.WAITING and now - attempt.created > limit


def is_lost(attempt: Attempt, now: datetime, grace: timedelta) -> bool:
    """Whether a pod was told to end and does not: its node is gone, and it may never be said to have failed."""
    return attempt.is_active and attempt.terminating_since is not None and now - attempt.terminating_since > grace


def is_over(started: datetime | None, now: datetime, limit: timedelta | None) -> bool:
    """Whether the whole render has taken too long."""
    return started is not None and limit is not None and now - started > limit
