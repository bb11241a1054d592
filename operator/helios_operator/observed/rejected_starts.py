"""Rejected starts: a quota, an admission webhook or missing permissions keep a Job from being created.

No event shows when a quota is free again or a webhook accepts the Job. So each start is tried again after a growing
pause, and all other work continues.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeGuard

from helios_crds.backoff import Backoff
from helios_operator.decide.policies.retry import retry_delay
from helios_operator.kube.client import ApiError
from helios_operator.model.decision import StartAttempt
from helios_operator.model.observation import RejectedStart
from helios_operator.model.state import Work

PAUSE = Backoff(base=5, cap=60, jitter=0.5)
# 401: our token is being renewed. 408, 409, 410, 429: a later try may succeed.
TRANSIENT = frozenset({401, 408, 409, 410, 429})
AFTER_ROOM = 2.0
"""Seconds in which a quota's count follows the deletion of a Job."""
QUOTA = "exceeded quota"


def is_rejection(outcome: BaseException | None) -> TypeGuard[ApiError]:
    """Whether the API server rejects this object itself, rather than failing for the moment."""
    return isinstance(outcome, ApiError) and 400 <= outcome.status < 500 and outcome.status not in TRANSIENT


class RejectedStarts:
    """The rejected starts of one RenderJob, until they succeed. uid: the RenderJob's.

    all_rejected: whether every start of the last batch was rejected.
    """

    def __init__(self, uid: str) -> None:
        self.all_rejected = False
        self._uid = uid
        self._known: dict[tuple[Work, int], tuple[int, RejectedStart]] = {}

    def known(self) -> tuple[RejectedStart, ...]:
        """The rejected starts, in order of their work."""
        return tuple(sorted((start for _, start in self._known.values()), key=lambda start: start.work))

    def add(self, starts: Sequence[StartAttempt], error: ApiError, now: datetime) -> None:
        """Adds rejected starts: those of a batch, or those that were not tried after it."""
        for start in starts:
            key = start.work, start.number
            times = self._known[key][0] + 1 if key in self._known else 1
            until = now + retry_delay(self._uid, start.work, times, PAUSE)
            self._known[key] = times, RejectedStart(*key, start.target, QUOTA in error.message, error.message, until)

    def hurry(self, now: datetime) -> bool:
        """Has starts that a quota rejected tried again soon, since Jobs were deleted. Returns whether there are any."""
        soon = now + timedelta(seconds=AFTER_ROOM)
        waiting = [(key, times, start) for key, (times, start) in self._known.items() if start.by_quota]
        for key, times, start in waiting:
            self._known[key] = times, replace(start, until=min(start.until, soon))
        return bool(waiting)

    def moved(self, starts: Iterable[StartAttempt]) -> bool:
        """Forgets starts that moved to targets outside of the cluster. Returns whether any was rejected before."""
        before = len(self._known)
        for start in starts:
            self._known.pop((start.work, start.number), None)
        return len(self._known) < before

    def succeeded(self, start: StartAttempt) -> bool:
        """Forgets a start that succeeded. Returns whether it was rejected before."""
        self.all_rejected = False
        return self.moved([start])
