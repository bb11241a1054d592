"""How often progress is written, over all RenderJobs: often for a few, in turn for thousands."""

from dataclasses import dataclass, field

RATE = 2.0  # a second: a render of ten chunks, one of a thousand at once, shall not cost a write for each chunk
BURST = 20
LONGEST = 300.0  # half of the time for which a Job is kept at least


@dataclass
class StatusRateLimit:
    """Hands out turns to write, in the order in which they were first asked for."""

    _next: float = float("-inf")
    _of: dict[str, float] = field(default_factory=dict)

    def wait(self, uid: str, now: float) -> float:
        """Seconds until a RenderJob may write its progress; 0 when it is its turn."""
        turn = self._of.get(uid)
        if turn is None:
            self._next = min(max(self._next + 1 / RATE, now - BURST / RATE), now + LONGEST)
            turn = self._of[uid] = self._next
        return max(0.0, turn - now)

    def done(self, uid: str) -> None:
        """It has written, or is gone."""
        self._of.pop(uid, None)
