"""Who may have how many places on each target, kept as demands change: one share costs no look at all RenderJobs.

What it says equals `shares` over all demands.
"""

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from helios_operator.model.config import DEFAULT_USES, NO_LIMIT
from helios_operator.model.state import InvalidJob, ObservedJob


@dataclass(frozen=True)
class Demand:
    """wanted: places that a RenderJob could use on the target now, those that it holds included."""

    uid: str
    priority: int
    wanted: int


def shares(demands: Iterable[Demand], capacity: int) -> Mapping[str, int]:
    """Capacity for each RenderJob, at most what it wants; the sum is at most the capacity.

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


def demands(job: ObservedJob | InvalidJob, reach: Mapping[str, int], extra: int = 0) -> Mapping[str, Demand]:
    """What a RenderJob could use of each of its targets; one whose spec is unclear keeps what it has.

    reach: how many places on a target it could use at most, as far as that is known. extra: places for duplicates of
    slow chunks. What somebody cannot use, for whatever reason, is no demand: it would only keep others from it.
    """
    status = job.status
    if status.completionTime is not None:
        return {}
    if isinstance(job, InvalidJob):
        return {held.name: Demand(job.uid, 0, held.active) for held in status.targets if held.active}
    if job.spec.suspend or job.deleting:
        return {}
    execution = job.spec.execution
    wanted = max(1, min(status.chunks.total - status.chunks.done + extra, execution.parallelism))
    found = {}
    for use in execution.targets or DEFAULT_USES:
        usable = min(wanted, use.maxConcurrent or NO_LIMIT, reach.get(use.name, NO_LIMIT))
        if usable:
            found[use.name] = Demand(job.uid, execution.priority, usable)
    return found


class Capacity:
    """Demands of all RenderJobs, by target, and who was given less than it wanted."""

    def __init__(self) -> None:
        self._of: dict[str, Mapping[str, Demand]] = {}
        self._queues: dict[str, _Queue] = defaultdict(_Queue)
        self._short: dict[str, dict[str, int]] = defaultdict(dict)

    def put(self, uid: str, wanted: Mapping[str, Demand]) -> set[str]:
        """Takes a RenderJob's demands. Returns the targets on which others may now have more places."""
        before = self._of.get(uid, {})
        changed = {name for name in {*before, *wanted} if before.get(name) != wanted.get(name)}
        for name in changed:
            self._queues[name].replace(before.get(name), wanted.get(name))
            if name not in wanted:
                self._short[name].pop(uid, None)
        if wanted:
            self._of[uid] = wanted
        else:
            self._of.pop(uid, None)
        return {name for name in changed & before.keys() if self._short[name]}

    def grows(self, uid: str, wanted: Mapping[str, Demand]) -> bool:
        """Whether a RenderJob wants more of a target than it has said so far."""
        known = self._of.get(uid, {})
        return any(name not in known or known[name].wanted < demand.wanted for name, demand in wanted.items())

    def give(self, uid: str, target: str, capacity: int, within_reach: int) -> int:
        """A RenderJob's places on a target, with a note of who can have less than it wants.

        within_reach: places that it holds, and those that nobody does.
        """
        demand = self._of.get(uid, {}).get(target)
        if demand is None:
            return 0
        given = self._queues[target].share(demand, capacity)
        if min(given, within_reach) < demand.wanted:
            self._short[target][uid] = min(given, within_reach)
        else:
            self._short[target].pop(uid, None)
        return given

    def gainers(self, target: str, capacity: int) -> list[str]:
        """RenderJobs that would be given more places now than they could have."""
        queue = self._queues[target]
        return [
            uid
            for uid, given in self._short[target].items()
            if (demand := self._of.get(uid, {}).get(target)) is not None and queue.share(demand, capacity) > given
        ]


class _Queue:
    """Demands on one target."""

    def __init__(self) -> None:
        self._ranks: dict[int, _Rank] = defaultdict(_Rank)

    def replace(self, before: Demand | None, after: Demand | None) -> None:
        if before is not None:
            self._ranks[before.priority].remove(before)
            if not len(self._ranks[before.priority]):
                del self._ranks[before.priority]
        if after is not None:
            self._ranks[after.priority].add(after)

    def share(self, demand: Demand, capacity: int) -> int:
        above = sum(rank.total for priority, rank in self._ranks.items() if priority > demand.priority)
        return self._ranks[demand.priority].share(demand, max(0, capacity - above))


class _Rank:
    """Demands of one priority, the modest first. total: of what they want."""

    def __init__(self) -> None:
        self.total = 0
        self._order: list[tuple[int, str]] = []
        self._alike: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._order)

    def add(self, demand: Demand) -> None:
        insort(self._order, (demand.wanted, demand.uid))
        self._alike[demand.wanted] += 1
        self.total += demand.wanted

    def remove(self, demand: Demand) -> None:
        del self._order[bisect_left(self._order, (demand.wanted, demand.uid))]
        self._alike[demand.wanted] -= 1
        if not self._alike[demand.wanted]:
            del self._alike[demand.wanted]
        self.total -= demand.wanted

    def share(self, demand: Demand, capacity: int) -> int:
        if self.total <= capacity:
            return demand.wanted
        content, spent = self._content(capacity)
        position = bisect_left(self._order, (demand.wanted, demand.uid))
        if position < content:
            return demand.wanted
        even, more = divmod(capacity - spent, len(self._order) - content)
        return even + (position - content < more)

    def _content(self, capacity: int) -> tuple[int, int]:
        """How many, from the modest on, get all that they want of too small a capacity, and how much that is.

        The one at position p, after those who took s, is content while s + (wanted - 1) × (all - p) < capacity; the
        left side grows from each to the next, by one among those who want the same.
        """
        position, spent = 0, 0
        for wanted, count in sorted(self._alike.items()):
            room = capacity - spent - (wanted - 1) * (len(self._order) - position)
            content = min(count, max(0, room))
            position, spent = position + content, spent + content * wanted
            if content < count:
                break
        return position, spent
