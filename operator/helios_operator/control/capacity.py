"""Slots on every target, for plans, chunks and stitches: who holds them, fair shares, and whom to wake for free slots.

`FairShare` updates its queues as demands change, so one share does not cost a walk over all RenderJobs. Its result
equals that of `shares` over all demands.
"""

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby

from helios_crds.rendertarget import RenderTargetSpec
from helios_operator.control.render_targets import RenderTargets
from helios_operator.kube.work_queue import WorkQueue
from helios_operator.model.config import BUILT_IN, NO_LIMIT
from helios_operator.model.decision import Demand, StartAttempt
from helios_operator.model.invoked import Invoked
from helios_operator.model.observation import InvalidJob, ObservedJob, TargetCapacity
from helios_operator.model.state import Attempt
from helios_operator.observed.children import Children, holds_slot

COLLECT_SECONDS = 1.0
"""For how long freed slots are collected before RenderJobs that could use them are woken."""


class Capacity:
    """The slots of all targets. wake: called with the UID of a RenderJob that may be granted more slots."""

    def __init__(self, targets: RenderTargets, children: Children, wake: Callable[[str], None]) -> None:
        self._targets = targets
        self._children = children
        self._wake = wake
        self._shares = FairShare()
        self._starting: Counter[str] = Counter()
        self._freed = WorkQueue()

    def limits(self, job: ObservedJob, targets: Mapping[str, RenderTargetSpec]) -> Mapping[str, int]:
        """For each target that a RenderJob may use: how many concurrent attempts of all RenderJobs it may have.

        The built-in target is among them, since it runs the plan and the stitch if no other target can.
        """
        names = [name for name in dict.fromkeys([*(use.name for use in job.uses), BUILT_IN]) if name in targets]
        return {name: targets[name].maxConcurrent - self._starting[name] for name in names}

    def of(
        self, job: ObservedJob, targets: Mapping[str, RenderTargetSpec], attempts: Iterable[Attempt], invoked: Invoked
    ) -> Mapping[str, TargetCapacity]:
        """The capacity for a RenderJob of each target that it may use.

        attempts: its Jobs. invoked: observed with its `limits`.
        """
        held = Counter(attempt.target for attempt in (*attempts, *invoked.attempts) if holds_slot(attempt))
        capacity = {}
        for name, limit in self.limits(job, targets).items():
            free = invoked.free[name] if targets[name].is_offload else max(0, limit - self._children.held(name))
            granted = self._shares.give(job.uid, name, targets[name].maxConcurrent, held[name] + free)
            capacity[name] = TargetCapacity(granted, free, invoked.resting.get(name, ""))
        return capacity

    def demand(self, job: ObservedJob | InvalidJob, demand: Demand) -> bool:
        """Updates the demand of a RenderJob. Returns whether the demand has grown."""
        requests = slot_requests(job, demand)
        is_more = self._shares.grows(job.uid, requests)
        self.free(self._shares.put(job.uid, requests))
        return is_more

    def drop(self, uid: str) -> None:
        """Drops a deleted RenderJob and frees its slots."""
        self.free(self._shares.put(uid, {}))

    @contextmanager
    def reserved(self, starts: Iterable[StartAttempt]) -> Iterator[None]:
        """Reserves the slots of attempts that are about to start. Once created, their Jobs hold the slots."""
        reserved = Counter(start.target for start in starts)
        self._starting.update(reserved)
        try:
            yield
        finally:
            self._starting.subtract(reserved)
            self.free(reserved)

    def free(self, targets: Iterable[str]) -> None:
        """Notes targets that may have free slots."""
        for name in targets:
            self._freed.add(name, COLLECT_SECONDS)

    async def run(self) -> None:
        """Wakes RenderJobs that can be granted more slots. Without this they would wait up to a minute."""
        while True:
            name = await self._freed.take()
            target = self._targets.usable().get(name)
            for uid in self._shares.gainers(name, target.maxConcurrent) if target else ():
                self._wake(uid)
            self._freed.done(name)


@dataclass(frozen=True)
class SlotRequest:
    """wanted: slots that a RenderJob could use on a target now, including those it holds."""

    uid: str
    priority: int
    wanted: int


def shares(requests: Iterable[SlotRequest], capacity: int) -> Mapping[str, int]:
    """Slots for each RenderJob: by priority first, evenly within a priority, and never more than it wants.

    Running chunks keep their slots: a RenderJob that holds more than its share starts no more chunks.
    """
    granted: dict[str, int] = {}
    ordered = sorted(requests, key=lambda request: (-request.priority, request.wanted, request.uid))
    for _, group in groupby(ordered, key=lambda request: request.priority):
        rest = list(group)
        for position, request in enumerate(rest):  # smallest request first: the slots it leaves go to the others
            even = -(-capacity // (len(rest) - position))
            granted[request.uid] = min(request.wanted, even)
            capacity -= granted[request.uid]
    return granted


def slot_requests(job: ObservedJob | InvalidJob, demand: Demand) -> Mapping[str, SlotRequest]:
    """The slots that a RenderJob requests on each of its targets. With an invalid spec it requests those it holds.

    Slots that it cannot use, for whatever reason, are not requested, so that other RenderJobs get them.
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
    if BUILT_IN not in requests and demand.alone == BUILT_IN:
        requests[BUILT_IN] = SlotRequest(job.uid, execution.priority, 1)
    return requests


class FairShare:
    """Requests of all RenderJobs, by target, and the RenderJobs that were granted less than they wanted."""

    def __init__(self) -> None:
        self._of: dict[str, Mapping[str, SlotRequest]] = {}
        self._queues: dict[str, _Queue] = defaultdict(_Queue)
        self._short: dict[str, dict[str, int]] = defaultdict(dict)

    def put(self, uid: str, wanted: Mapping[str, SlotRequest]) -> set[str]:
        """Updates a RenderJob's requests. Returns the targets on which others may be granted more slots now."""
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
        """Whether a RenderJob wants more slots on any target than in its last request."""
        known = self._of.get(uid, {})
        return any(name not in known or known[name].wanted < request.wanted for name, request in wanted.items())

    def give(self, uid: str, target: str, capacity: int, available: int) -> int:
        """A RenderJob's slots on a target. A RenderJob that gets less than it wants is remembered for `gainers`.

        available: slots that the RenderJob holds, plus free slots.
        """
        request = self._of.get(uid, {}).get(target)
        if request is None:
            return 0
        given = self._queues[target].share(request, capacity)
        if min(given, available) < request.wanted:
            self._short[target][uid] = min(given, available)
        else:
            self._short[target].pop(uid, None)
        return given

    def gainers(self, target: str, capacity: int) -> list[str]:
        """RenderJobs that would be granted more slots now than at their last reconcile."""
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
    """Requests of one priority, smallest first. total: slots that they want together."""

    def __init__(self) -> None:
        self.total = 0
        self._order: list[tuple[int, str]] = []
        self._count_of: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._order)

    def add(self, request: SlotRequest) -> None:
        insort(self._order, (request.wanted, request.uid))
        self._count_of[request.wanted] += 1
        self.total += request.wanted

    def remove(self, request: SlotRequest) -> None:
        del self._order[bisect_left(self._order, (request.wanted, request.uid))]
        self._count_of[request.wanted] -= 1
        if not self._count_of[request.wanted]:
            del self._count_of[request.wanted]
        self.total -= request.wanted

    def share(self, request: SlotRequest, capacity: int) -> int:
        if self.total <= capacity:
            return request.wanted
        satisfied, spent = self._satisfied(capacity)
        position = bisect_left(self._order, (request.wanted, request.uid))
        if position < satisfied:
            return request.wanted
        even, more = divmod(capacity - spent, len(self._order) - satisfied)
        return even + (position - satisfied < more)

    def _satisfied(self, capacity: int) -> tuple[int, int]:
        """How many requests, from the smallest on, are granted in full if the capacity is too small, and their slots.

        The request at position p, after requests that took s slots, is granted in full while
        s + (wanted - 1) × (all - p) < capacity. The left side grows from each request to the next: by one among equal
        requests.
        """
        position, spent = 0, 0
        for wanted, count in sorted(self._count_of.items()):
            free = capacity - spent - (wanted - 1) * (len(self._order) - position)
            satisfied = min(count, max(0, free))
            position, spent = position + satisfied, spent + satisfied * wanted
            if satisfied < count:
                break
        return position, spent
