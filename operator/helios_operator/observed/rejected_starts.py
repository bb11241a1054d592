"""Starts that the API server refuses, by a quota, an admission webhook or missing rights: told, and tried again.

Nothing tells when a quota has room again or a webhook has changed its mind, so each start is tried again after a
pause that grows, and what else there is to do goes on.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeGuard

from helios_operator.decide.policies.retry import backoff
from helios_operator.kube.client import ApiError
from helios_operator.model.state import RejectedStart, StartAttempt, Work

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=1)
# 401: our own rights are being renewed; 408, 409, 410, 429: another moment, another answer.
PASSING = frozenset({401, 408, 409, 410, 429})
QUOTA = "exceeded quota"


def is_refusal(outcome: BaseException | None) -> TypeGuard[ApiError]:
    """Whether the API server will not have this object, rather than not now."""
    return isinstance(outcome, ApiError) and 400 <= outcome.status < 500 and outcome.status not in PASSING


class RejectedStarts:
    """By RenderJob, as long as it is not known that they succeed."""

    def __init__(self) -> None:
        self._of: dict[str, dict[tuple[Work, int], tuple[int, RejectedStart]]] = {}
        self._at_limit: set[str] = set()

    def of(self, uid: str) -> tuple[RejectedStart, ...]:
        """A RenderJob's refused starts, in order of their work."""
        return tuple(sorted((told for _, told in self._of.get(uid, {}).values()), key=lambda told: told.work))

    def elsewhere(self, uid: str, start: StartAttempt) -> bool:
        """An attempt is made on a target that asks nobody here. Returns whether it was refused before."""
        known = self._of.get(uid, {})
        was_refused = known.pop((start.work, start.number), None) is not None
        if not known:
            self._of.pop(uid, None)
        return was_refused

    def is_at_limit(self, uid: str) -> bool:
        """Whether all that a RenderJob tried last was refused."""
        return uid in self._at_limit

    def stop_at(self, uid: str) -> None:
        """All that was tried was refused."""
        self._at_limit.add(uid)

    def add(self, uid: str, starts: Sequence[StartAttempt], error: ApiError, now: datetime) -> None:
        """Starts were refused: the first one; the others were not even tried after it."""
        known = self._of.setdefault(uid, {})
        for start in starts:
            key = start.work, start.number
            times = known[key][0] + 1 if key in known else 1
            until = now + backoff(uid, start.work, times, FIRST_PAUSE, LONGEST_PAUSE)
            known[key] = times, RejectedStart(*key, start.target, QUOTA in error.message, error.message, until)

    def succeeded(self, uid: str, start: StartAttempt) -> bool:
        """A start was not refused. Returns whether it was before."""
        self._at_limit.discard(uid)
        return self.elsewhere(uid, start)

    def forget(self, uid: str) -> None:
        """A RenderJob is gone."""
        self._at_limit.discard(uid)
        self._of.pop(uid, None)
