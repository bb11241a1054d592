"""How long to wait before the next try: one rule for operator, adapters, worker and command line."""

import hashlib
import math
from dataclasses import dataclass
from datetime import timedelta

_MAX_EXPONENT = 64  # far beyond any cap, and no float overflows


@dataclass(frozen=True)
class Backoff:
    """Grows from `base` by `factor` with each failure in a row, up to `cap`; jitter takes off up to that share.

    base, cap: seconds. jitter: 0 to 1.

    >>> [Backoff(base=0.5, factor=4, cap=5).seconds(failures) for failures in (1, 2, 3, 4)]
    [0.5, 2.0, 5, 5]
    """

    base: float
    factor: float = 2.0
    cap: float = math.inf
    jitter: float = 0.0

    def seconds(self, failures: int, chance: float = 0.0) -> float:
        """Seconds to wait after so many failures in a row, 1 or more.

        chance: 0 to 1, how much of the jitter is taken off. Whoever must decide the same way twice takes it from
        `chance_of` a name; others take random.random().
        """
        full = min(self.base * self.factor ** min(failures - 1, _MAX_EXPONENT), self.cap)
        return full * (1 - self.jitter * chance)

    def delay(self, failures: int, chance: float = 0.0) -> timedelta:
        """The same as a timedelta."""
        return timedelta(seconds=self.seconds(failures, chance))


def chance_of(name: str) -> float:
    """A number from 0 up to 1 that follows from a name: always the same for one, spread evenly over many."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) / 2**32
