"""Whether a target outside of the cluster is to be used: one that keeps failing rests, one that is full is left alone.

Nothing here is on record: an operator that starts anew finds out again.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

ENOUGH = 5
FIRST_REST, LONGEST_REST = timedelta(seconds=10), timedelta(minutes=10)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(minutes=1)


@dataclass(frozen=True)
class Health:
    """What is known of a target.

    failures: in a row. rests: that it needed in a row; after one it is tried by a single chunk. refusals: in a row, for
    want of room. until: before which nothing is sent there. ceiling: how many it took at once when it refused the last
    time, and one more for each that it has done since; None: it has not refused. why: it rests, for people.
    """

    failures: int = 0
    rests: int = 0
    refusals: int = 0
    until: datetime | None = None
    ceiling: int | None = None
    why: str = ""

    def is_left_alone(self, now: datetime) -> bool:
        """Whether nothing is sent there, for whatever reason."""
        return self.until is not None and now < self.until

    def is_resting(self, now: datetime) -> bool:
        """Whether it is left alone because it does not work."""
        return self.rests > 0 and self.is_left_alone(now)


def after_success(health: Health) -> Health:
    """It works, and has room for one more than before."""
    return Health(ceiling=None if health.ceiling is None else health.ceiling + 1)


def after_failure(health: Health, why: str, now: datetime) -> Health:
    """A worker there was lost, or failed without a mistake of the user's. The first one after a rest is enough."""
    failed = replace(health, failures=health.failures + 1)
    if failed.failures < ENOUGH and not health.rests:
        return failed
    return after_unusable(failed, f"{failed.failures} chunks in a row failed there, the last time: {why}", now)


def after_unusable(health: Health, why: str, now: datetime) -> Health:
    """It cannot be used as it is: nobody is sent there for a while that doubles each time.

    Those that were sent there together count once.
    """
    if health.is_resting(now):
        return health
    rest = min(FIRST_REST * (1 << min(health.rests, 20)), LONGEST_REST)
    return replace(health, rests=health.rests + 1, until=now + rest, why=why)


def after_refusal(health: Health, active: int, retry_after: float | None, now: datetime) -> Health:
    """It had no room. active: what it was doing then. retry_after: seconds for which it wants to be left alone."""
    if health.is_left_alone(now):  # of those that were sent together the last one knows best
        return replace(health, ceiling=max(1, min(active, health.ceiling or active)))
    pause = min(FIRST_PAUSE * (1 << min(health.refusals, 20)), LONGEST_PAUSE)
    asked = min(timedelta(seconds=retry_after or 0), LONGEST_PAUSE)
    return replace(health, refusals=health.refusals + 1, until=now + max(pause, asked), ceiling=max(1, active))


def room(health: Health, free: int, active: int, now: datetime) -> int:
    """How many more chunks it may be given. free: by its limit; active: what it is doing."""
    if health.is_left_alone(now):
        return 0
    if health.rests:
        return max(0, min(free, 1 - active))
    return free if health.ceiling is None else max(0, min(free, health.ceiling - active))
