"""Slots for chunks on every target: who holds them, how they are shared, and who learns that some became free.

Shares are kept as demands change: one share costs no look at all RenderJobs. What `FairShare` says equals `shares`
over all demands.
"""

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby

from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.wire import Stage
from helios_operator.control.render_targets import RenderTargets
from helios_operator.kube.work_queue import WorkQueue
from helios_operator.model.config import NO_LIMIT
from helios_operator.model.decision import Demand, StartAttempt
from helios_operator.model.invoked import Invoked
from helios_operator.model.observation import InvalidJob, ObservedJob, TargetCapacity
from helios_operator.model.state import Attempt
from helios_operator.observed.children import Children, holds_slot

GATHERING = 1.0
"""Seconds for which freed slots are gathered before those are woken who could use them."""


class Capacity:
    """The slots of all targets. wake: told the UID of a RenderJob that may have more slots than it was granted."""

    def __init__(self, targets: RenderTargets, children: Children, wake: Callable[[str], None]) -> None:
        self._targets = targets
        self._children = children
        self._wake = wake
        self._shares = FairShare()
        self._starting: Counter[str] = Counter()
        self._freed = WorkQueue()

    def limits(self, job: ObservedJob, targets: Mapping[str, RenderTargetSpec]) -> Mapping[str, int]:
        """Chunks of all RenderJobs at once that each target which this one names may still be given."""
        named = {use.name: targets[use.name] for use in job.uses if use.name in targets}
        return {name: target.maxConcurrent - self._starting[name] for name, target in named.items()}

    def of(
        self, job: ObservedJob, targets: Mapping[str, RenderTargetSpec], attempts: Iterable[Attempt], invoked: Invoked
    ) -> Mapping[str, TargetCapacity]:
        """What each target that a RenderJob names has for it. attempts: its Jobs; invoked: by its `limits`."""
        held = Counter(attempt.target for attempt in (*attempts, *invoked.attempts) if holds_slot(attempt))
        capacity = {}
        for name, limit in self.limits(job, targets).items():
            free = invoked.free[name] if targets[name].is_offload else max(0, limit - self._children.held(name))
            granted = self._shares.give(job.uid, name, targets[name].maxConcurrent, held[name] + free)
            capacity[name] = TargetCapacity(granted, free, invoked.resting.get(name, ""))
        return capacity

    def demand(self, job: ObservedJob | InvalidJob, demand: Demand) -> bool:
        """Takes what a RenderJob could use. Returns whether it is more than it has said so far."""
        requests = slot_requests(job, demand)
        is_more = self._shares.grows(job.uid, requests)
        self.free(self._shares.put(job.uid, requests))
        return is_more

    def drop(self, uid: str) -> None:
        """A RenderJob is gone; its slots go to others."""
        self.free(self._shares.put(uid, {}))

    @contextmanager
    def reserved(self, starts: Iterable[StartAttempt]) -> Iterator[None]:
        """Keeps others from the slots of chunks that are about to start; their Jobs hold them afterwards."""
        taken = Counter(start.target for start in starts if start.work.stage is Stage.CHUNK)
        self._starting.update(taken)
        try:
            yield
        finally:
            self._starting.subtract(taken)
            self.free(taken)

    def free(self, targets: Iterable[str]) -> None:
        """Targets may have free slots."""
        for name in targets:
            self._freed.add(name, GATHERING)

    async def run(self) -> None:
        """Wakes those for whom a target has more slots than they were granted; time alone would take a minute."""
        while True:
            name = await self._freed.take()
            target = self._targets.usable().get(name)
            for uid in self._shares.gainers(name, target.maxConcurrent) if target else ():
                self._wake(uid)
            self._freed.done(name)


@dataclass(frozen=True)
class SlotRequest:
    """wanted: slots that a RenderJob could use on a target now, those that it holds included."""

    uid: str
    priority: int
    wanted: int


def shares(requests: Iterable[SlotRequest], capacity: int) -> Mapping[str, int]:
    """Slots for each RenderJob: by priority first, evenly within one; none gets more than it wants.

    Nothing is taken away from running chunks: a RenderJob that holds more than its share starts no more.
    """
    granted: dict[str, int] = {}
    ordered = sorted(requests, key=lambda request: (-request.priority, request.wanted, request.uid))
    for _, group in groupby(ordered, key=lambda request: request.priority):
        rest = list(group)
        for position, request in enumerate(rest):  # the modest first: what they leave goes to the others
            even = -(-capacity // (len(rest) - position))
            granted[request.uid] = min(request.wanted, even)
            capacity -= granted[request.uid]
    return granted


def slot_requests(job: ObservedJob | InvalidJob, demand: Demand) -> Mapping[str, SlotRequest]:
    """What a RenderJob could use of each of its targets; one whose spec is unclear keeps what it has.

    What it cannot use, for whatever reason, is not requested: that would only keep others from it.
    """
    status = job.status
    if status.completionTime is not None:
        return {}
    if isinstance(job, InvalidJob):
        return {held.name: SlotRequest(job.uid, 0, held.active) for held in status.targets if held.active}
    if job.spec.suspend or job.deleting:
        return {}
    execution = job.spec.execution
    wanted = max(1, min(status.chunks.total - status.chunks.done + demand.duplicates, execution.parallelism))
    requests = {}
    for use in job.uses:
        usable = min(wanted, use.maxConcurrent or NO_LIMIT, demand.by_target.get(use.name, NO_LIMIT))
        if usable:
            requests[use.name] = SlotRequest(job.uid, execution.priority, usable)
    return requests


class FairShare:
    """Requests of all RenderJobs, by target, and who was given less than it wanted."""

    def __init__(self) -> None:
        self._of: dict[str, Mapping[str, SlotRequest]] = {}
        self._queues: dict[str, _Queue] = defaultdict(_Queue)
        self._short: dict[str, dict[str, int]] = defaultdict(dict)

    def put(self, uid: str, wanted: Mapping[str, SlotRequest]) -> set[str]:
        """Takes a RenderJob's requests. Returns the targets on which others may now have more slots."""
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

    def grows(self, uid: str, wanted: Mapping[str, SlotRequest]) -> bool:
        """Whether a RenderJob wants more of a target than it has said so far."""
        known = self._of.get(uid, {})
        return any(name not in known or known[name].wanted < request.wanted for name, request in wanted.items())

    def give(self, uid: str, target: str, capacity: int, within_reach: int) -> int:
        """A RenderJob's slots on a target; who can have less than it wants is kept in mind.

        within_reach: slots that it holds, and those that nobody does.
        """
        request = self._of.get(uid, {}).get(target)
        if request is None:
            return 0
        given = self._queues[target].share(request, capacity)
        if min(given, within_reach) < request.wanted:
            self._short[target][uid] = min(given, within_reach)
        else:
            self._short[target].pop(uid, None)
        return given

    def gainers(self, target: str, capacity: int) -> list[str]:
        """RenderJobs that would be granted more slots now than they could have."""
        queue = self._queues[target]
        return [
            uid
            for uid, given in self._short[target].items()
            if (request := self._of.get(uid, {}).get(target)) is not None and queue.share(request, capacity) > given
        ]


class _Queue:
    """Requests on one target."""

    def __init__(self) -> None:
        self._ranks: dict[int, _Rank] = defaultdict(_Rank)

    def replace(self, before: SlotRequest | None, after: SlotRequest | None) -> None:
        if before is not None:
            self._ranks[before.priority].remove(before)
            if not len(self._ranks[before.priority]):
                del self._ranks[before.priority]
        if after is not None:
            self._ranks[after.priority].add(after)

    def share(self, request: SlotRequest, capacity: int) -> int:
        above = sum(rank.total for priority, rank in self._ranks.items() if priority > request.priority)
        return self._ranks[request.priority].share(request, max(0, capacity - above))


class _Rank:
    """Requests of one priority, the modest first. total: of what they want."""

    def __init__(self) -> None:
        self.total = 0
        self._order: list[tuple[int, str]] = []
        self._alike: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._order)

    def add(self, request: SlotRequest) -> None:
        insort(self._order, (request.wanted, request.uid))
        self._alike[request.wanted] += 1
        self.total += request.wanted

    def remove(self, request: SlotRequest) -> None:
        del self._order[bisect_left(self._order, (request.wanted, request.uid))]
        self._alike[request.wanted] -= 1
        if not self._alike[request.wanted]:
            del self._alike[request.wanted]
        self.total -= request.wanted

    def share(self, request: SlotRequest, capacity: int) -> int:
        if self.total <= capacity:
            return request.wanted
        content, spent = self._content(capacity)
        position = bisect_left(self._order, (request.wanted, request.uid))
        if position < content:
            return request.wanted
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
