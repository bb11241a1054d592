"""How a target's places are divided among RenderJobs: by priority first, evenly within one priority."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True)
class Demand:
    """wanted: places that a RenderJob could use on the target now, those that it holds included."""

    uid: str
    priority: int
    wanted: int


def shares(demands: Iterable[Demand], capacity: int) -> Mapping[str, int]:
    """Places for each RenderJob, at most what it wants; the sum is at most the capacity.

    Nothing is taken away from running chunks: who holds more than its share starts no more.
    """
    granted: dict[str, int] = {}
    ordered = sorted(demands, key=lambda demand: (-demand.priority, demand.wanted, demand.uid))
    for _, group in groupby(ordered, key=lambda demand: demand.priority):
        rest = list(group)
        for position, demand in enumerate(rest):  # the modest first: what they leave goes to the others
            even = -(-capacity // (len(rest) - position))
            granted[demand.uid] = min(demand.wanted, even)
            capacity -= granted[demand.uid]
    return granted
