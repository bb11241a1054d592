"""The rate limit for status writes with mere progress: frequent for a few RenderJobs, in turn for thousands."""

from dataclasses import dataclass, field

RATE = 2.0  # per second: among a thousand renders of ten chunks, not every chunk may cost a write
BURST = 20
LONGEST = 300.0  # half of the time for which a finished Job is kept at least


@dataclass
class StatusRateLimit:
    """Gives each RenderJob its time to write, in the order of their first requests."""

    _next: float = float("-inf")
    _write_at: dict[str, float] = field(default_factory=dict)

    def wait(self, uid: str, now: float) -> float:
        """Seconds until a RenderJob may write its progress; 0 means now."""
        write_at = self._write_at.get(uid)
        if write_at is None:
            self._next = min(max(self._next + 1 / RATE, now - BURST / RATE), now + LONGEST)
            write_at = self._write_at[uid] = self._next
        return max(0.0, write_at - now)

    def done(self, uid: str) -> None:
        """Called when a RenderJob has written its status, or is gone."""
        self._write_at.pop(uid, None)
