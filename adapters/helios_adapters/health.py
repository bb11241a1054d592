"""Whether a target is to be used: one that keeps failing rests, one that is full is given less and later.

One rule for the operator and the command line. What it is fed, and what an answer means, is target_health's business.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from helios_crds.backoff import Backoff

ENOUGH = 5
"""Failures in a row after which a target rests. Four are bad luck."""
REST = Backoff(base=10, cap=600)
"""How long a target that does not work is left alone, by the rests that it needed in a row."""
PAUSE = Backoff(base=1, cap=60)
"""How long one that is full is left alone, by its refusals in a row. What it asks for counts up to the cap."""


@dataclass(frozen=True)
class Health:
    """What is known of a target.

    failures: in a row. rests: that it needed in a row; after one it is tried by a single chunk. refusals: in a row, for
    want of room. until: before which nothing is sent there. ceiling: how many it took at once when it refused the last
    time, and one more for each that it has done since; None: it has not refused. why: it rests, for people.
    is_unusable: it rests because it cannot be used as it is, and not for failing.
    """

    failures: int = 0
    rests: int = 0
    refusals: int = 0
    until: datetime | None = None
    ceiling: int | None = None
    why: str = ""
    is_unusable: bool = False

    def is_left_alone(self, now: datetime) -> bool:
        """Whether nothing is sent there, for whatever reason."""
        return self.until is not None and now < self.until

    def is_resting(self, now: datetime) -> bool:
        """Whether it is left alone because it does not work."""
        return self.rests > 0 and self.is_left_alone(now)

    def capacity(self, free: int, active: int, now: datetime) -> int:
        """How many more chunks it may be given. free: by its limit; active: what it is doing."""
        if self.is_left_alone(now):
            return 0
        if self.rests:
            return max(0, min(free, 1 - active))
        return free if self.ceiling is None else max(0, min(free, self.ceiling - active))

    def after_success(self) -> "Health":
        """It works, and has room for one more than before."""
        return Health(ceiling=None if self.ceiling is None else self.ceiling + 1)

    def after_failure(self, why: str, now: datetime) -> "Health":
        """A worker there was lost, or failed without a mistake of the user's. The first one after a rest is enough."""
        failed = replace(self, failures=self.failures + 1)
        if failed.failures < ENOUGH and not self.rests:
            return failed
        return failed._rested(f"{failed.failures} chunks in a row failed there, the last time: {why}", now)

    def after_unusable(self, why: str, now: datetime) -> "Health":
        """It cannot be used as it is, whoever asks."""
        return replace(self._rested(why, now), is_unusable=True)

    def after_refusal(self, active: int, retry_after: float | None, now: datetime) -> "Health":
        """It had no room. active: what it was doing then. retry_after: seconds for which it asks to be left alone."""
        if self.is_left_alone(now):  # of those that were sent together the last one knows best
            return replace(self, ceiling=max(1, min(active, self.ceiling or active)))
        pause = max(PAUSE.seconds(self.refusals + 1), min(retry_after or 0, PAUSE.cap))
        until = now + timedelta(seconds=pause)
        return replace(self, refusals=self.refusals + 1, until=until, ceiling=max(1, active))

    def _rested(self, why: str, now: datetime) -> "Health":
        """Nobody is sent there for a while that doubles each time. Those that were sent together count once."""
        if self.is_resting(now):
            return self
        return replace(self, rests=self.rests + 1, until=now + REST.delay(self.rests + 1), why=why)
