"""Target health: a target that keeps failing rests, and a full target gets fewer chunks, later.

The operator and the command line share these rules. What an answer means for the health is in target_health.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from helios_crds.backoff import Backoff

ENOUGH = 5
"""Failures in a row after which a target rests. Four may be bad luck."""
REST = Backoff(base=10, cap=600)
"""How long a failing target rests, by its number of rests in a row."""
PAUSE = Backoff(base=1, cap=60)
"""How long a full target is paused, by its refusals in a row. A pause that the target asks for counts up to the cap."""


@dataclass(frozen=True)
class Health:
    """The health of a target.

    failures: failed chunks in a row. rests: rests in a row; after a rest, a single chunk tries the target. refusals:
    refused chunks in a row, because the target was full. until: the end of the pause or rest. ceiling: how many chunks
    it had at its last refusal, plus one for each chunk it has finished since; None: it has not refused. why: the reason
    for the rest, for people. is_unusable: it rests because it cannot be used as it is, not because it failed.
    """

    failures: int = 0
    rests: int = 0
    refusals: int = 0
    until: datetime | None = None
    ceiling: int | None = None
    why: str = ""
    is_unusable: bool = False

    def is_paused(self, now: datetime) -> bool:
        """Whether the target gets no chunks, for whatever reason."""
        return self.until is not None and now < self.until

    def is_resting(self, now: datetime) -> bool:
        """Whether the target gets no chunks because it does not work."""
        return self.rests > 0 and self.is_paused(now)

    def capacity(self, free: int, active: int, now: datetime) -> int:
        """How many more chunks the target may get. free: by its limit. active: chunks that it has now."""
        if self.is_paused(now):
            return 0
        if self.rests:
            return max(0, min(free, 1 - active))
        return free if self.ceiling is None else max(0, min(free, self.ceiling - active))

    def after_success(self) -> "Health":
        """The health after a finished chunk: no failures, and a ceiling that is one higher."""
        return Health(ceiling=None if self.ceiling is None else self.ceiling + 1)

    def after_failure(self, why: str, now: datetime) -> "Health":
        """The health after a failure that is not the user's mistake. After a rest, one failure starts the next rest."""
        failed = replace(self, failures=self.failures + 1)
        if failed.failures < ENOUGH and not self.rests:
            return failed
        return failed._rested(f"{failed.failures} chunks in a row failed there, the last time: {why}", now)

    def after_unusable(self, why: str, now: datetime) -> "Health":
        """The health after an error that makes the target unusable: it rests at once."""
        return replace(self._rested(why, now), is_unusable=True, why=why)

    def after_refusal(self, active: int, retry_after: float | None, now: datetime) -> "Health":
        """The health after a refusal. active: its chunks then. retry_after: the pause in seconds that it asks for."""
        if self.is_paused(now):  # of chunks that were sent together, the last refusal has the best count
            return replace(self, ceiling=max(1, min(active, self.ceiling or active)))
        pause = max(PAUSE.seconds(self.refusals + 1), min(retry_after or 0, PAUSE.cap))
        until = now + timedelta(seconds=pause)
        return replace(self, refusals=self.refusals + 1, until=until, ceiling=max(1, active))

    def _rested(self, why: str, now: datetime) -> "Health":
        """The health with another rest, twice as long each time. Failures of chunks sent together count once."""
        if self.is_resting(now):
            return self
        return replace(self, rests=self.rests + 1, until=now + REST.delay(self.rests + 1), why=why)
