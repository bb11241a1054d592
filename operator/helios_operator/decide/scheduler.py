"""Which attempts start now, how many more slots the render could use, and when that changes with time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from helios_crds.durations import parse_duration
from helios_crds.renderjob import TargetUse
from helios_crds.wire import Stage
from helios_operator.decide.policies.budget import Budget, budget_left
from helios_operator.decide.policies.deadlines import Overdue
from helios_operator.decide.policies.delays import DELAY_SHOWN_AFTER
from helios_operator.decide.policies.eligibility import Eligibility
from helios_operator.decide.policies.placement import free_slots, place, within_budget
from helios_operator.decide.policies.stragglers import straggler_limit, stragglers
from helios_operator.decide.readiness import Hindered, Readiness
from helios_operator.model.config import NO_LIMIT, Config
from helios_operator.model.decision import Demand, StartAttempt
from helios_operator.model.observation import Observation
from helios_operator.model.problem import Problem
from helios_operator.model.render_record import RenderRecord
from helios_operator.model.state import Attempt, AttemptPhase, Work

NOT_STARTED = frozenset({AttemptPhase.WAITING, AttemptPhase.QUEUED})


@dataclass(frozen=True)
class Schedule:
    """Which attempts run and start.

    holding: attempts that hold a slot. hindered: due work that cannot start. goes_on: whether any work runs or may
    start, whatever hinders the rest. budget: the rest of the budget, if there is one. is_over_budget: whether due work
    cannot start for lack of budget. without_slot: why the plan or the stitch waits for a slot, or "". changes: when
    time alone may change the schedule. underway: attempts that run or start now, without rejected starts: whether they
    succeed is not known before they are tried again.
    """

    holding: tuple[Attempt, ...]
    starts: tuple[StartAttempt, ...]
    hindered: Hindered
    goes_on: bool
    budget: Budget | None
    is_over_budget: bool
    without_slot: str
    demand: Demand
    changes: tuple[datetime, ...]
    underway: tuple[Attempt | StartAttempt, ...]


def schedule(
    observation: Observation,
    record: RenderRecord,
    overdue: Overdue,
    eligible: Eligibility,
    blocker: Problem | None,
    config: Config,
) -> Schedule:
    """The schedule that follows from the record. blocker: a problem that keeps all work from starting."""
    scheduler = _Scheduler(observation, record, overdue, eligible, config)
    can_start = not (record.has_ended or blocker or observation.job.spec.suspend)
    starts = scheduler.starts() if can_start else []
    hindered = scheduler.readiness.hindered()
    over_budget, rejected = scheduler.is_over_budget(), {each.work for each in hindered.rejected}
    return Schedule(
        holding=tuple(scheduler.holding),
        starts=tuple(starts),
        hindered=hindered,
        goes_on=bool(scheduler.holding) or (not over_budget and scheduler.readiness.has_other_work(hindered)),
        budget=scheduler.budget,
        is_over_budget=over_budget,
        without_slot=scheduler.without_slot,
        demand=scheduler.demand(is_blocked=blocker is not None),
        changes=tuple(scheduler.changes()),
        underway=(*scheduler.holding, *(start for start in starts if start.work not in rejected)),
    )


class _Scheduler:
    """Makes one schedule. duplicates: slots that second attempts hold or need.

    without_slot: why the plan or the stitch waits for a slot; both are known after `starts`.
    """

    def __init__(
        self,
        observation: Observation,
        record: RenderRecord,
        overdue: Overdue,
        eligible: Eligibility,
        config: Config,
    ) -> None:
        self._observation, self._record, self._eligible, self._config = observation, record, eligible, config
        self._job, self._execution, self._now = observation.job, observation.job.spec.execution, observation.now
        self.holding = [each for each in observation.attempts if each.is_active and each.uid not in overdue.lost]
        self.readiness = Readiness(observation, record, self.holding, config)
        self.budget = budget_left(observation, record.usage, self.holding) if self._execution.budget else None
        self.duplicates = 0
        self.without_slot = ""
        self._waits: list[datetime] = []

    def starts(self) -> list[StartAttempt]:
        """Attempts to start now."""
        if self._record.plan is None or self._record.is_rendered:
            return self._start_alone(self.readiness.ready())
        return self._start_chunks([work.chunk for work in self.readiness.ready()])

    def is_over_budget(self) -> bool:
        """Whether the budget is used up, and no target without a price can run the due work."""
        if self.budget is None or not self.budget.is_used_up:
            return False
        due = next(self.readiness.due(), None)
        return due is not None and set(self._eligible.targets[due.stage]) <= self.budget.priced

    def demand(self, *, is_blocked: bool) -> Demand:
        """The slots that this RenderJob could use."""
        held = Counter(attempt.target for attempt in self._held_by_chunks())
        able = set() if is_blocked else {use.name for use in self._uses}
        wanted = {}
        for use in self._job.uses:
            most = (use.maxConcurrent or NO_LIMIT) if use.name in able else 0
            if self.budget is not None and use.name in self.budget.priced:
                most = min(most, held[use.name] + self.budget.affordable)
            if self._observation.all_rejected and use.name in able and not self._observation.is_offload(use.name):
                most = min(most, held[use.name] + 1)
            wanted[use.name] = max(most, held[use.name])
        return Demand(wanted, self.duplicates, "" if is_blocked else self._alone())

    def changes(self) -> list[datetime]:
        """The times at which the schedule may change without any other change."""
        start_timeout = parse_duration(self._execution.startTimeout)
        starting = [attempt.created for attempt in self.holding if attempt.phase is AttemptPhase.WAITING]
        new = [attempt.created for attempt in self.holding if attempt.phase in NOT_STARTED]
        times = [*self.readiness.changes(), *(created + start_timeout for created in starting)]
        times += [created + DELAY_SHOWN_AFTER for created in new if self._now - created < DELAY_SHOWN_AFTER]
        return [*times, *self._waits, *self._slow_from()]

    @cached_property
    def _uses(self) -> Sequence[TargetUse]:
        """The targets that can run this job's chunks."""
        able = set(self._eligible.targets[Stage.CHUNK])
        return [use for use in self._job.uses if use.name in able]

    def _held_by_chunks(self) -> list[Attempt]:
        return [attempt for attempt in self.holding if attempt.work.stage is Stage.CHUNK]

    def _start_alone(self, ready: Sequence[Work]) -> list[StartAttempt]:
        """Starts the plan or the stitch on the target where it was tried least often, the preferred one of equals.

        The target must be able to run it, and must have a free slot.
        """
        if not ready:
            return []
        (work,) = ready
        budget = self.budget
        excluded = budget.priced if budget is not None and budget.affordable == 0 else frozenset[str]()
        affordable = [name for name in self._eligible.targets[work.stage] if name not in excluded]
        able = [name for name in affordable if self._has_slot(name)]
        if affordable and not able:
            self._note_wait(work, affordable)
        times = self.readiness.tried(work).times
        return [self.readiness.start(work, min(able, key=lambda name: times.get(name, 0)))] if able else []

    def _note_wait(self, work: Work, targets: Sequence[str]) -> None:
        """Says what the plan or the stitch waits for, once that takes longer than slots usually do."""
        ends = [each.finished for each in self._observation.attempts if each.finished is not None]
        since = max([*ends, *filter(None, [self._job.created])], default=None)
        if since is not None and self._now - since < DELAY_SHOWN_AFTER:
            self._waits.append(since + DELAY_SHOWN_AFTER)
            return
        slots = ", ".join(f"{name} ({self._observation.targets[name].maxConcurrent})" for name in targets)
        self.without_slot = f"{work} waits for a slot, since other work has those of {slots}"

    def _has_slot(self, target: str) -> bool:
        """Whether the plan or the stitch may start on a target now. Attempts that are being deleted are past."""
        capacity = self._observation.capacity_of(target)
        held = sum(attempt.target == target and not attempt.stopping for attempt in self.holding)
        share = NO_LIMIT if self._observation.is_offload(target) else capacity.granted - held
        return min(capacity.free, share) > 0

    def _alone(self) -> str:
        """The target, not named by the RenderJob, that has to run the plan or the stitch; "" if there is none."""
        due = next(self.readiness.due(), None)
        if due is None or due.stage is Stage.CHUNK or self._record.has_ended:
            return ""
        names = {use.name for use in self._job.uses}
        return next((name for name in self._eligible.targets[due.stage] if name not in names), "")

    def _start_chunks(self, ready: Sequence[int]) -> list[StartAttempt]:
        held = self._held_by_chunks()
        tried, more = self.readiness.tried_chunks(), self._execution.parallelism - len(held)
        slots = within_budget(free_slots(self._uses, held, self._observation, self._config.spill_after), self.budget)
        self.duplicates = len(held) - len({attempt.work for attempt in held})
        placed = place(ready, slots, tried, more)
        free = min(more, sum(each.free for each in slots))
        if len(placed) < more and (len(placed) == len(ready) or len(placed) < free):
            slow = self._slow_chunks()
            self.duplicates += len(slow)
            placed = place([*ready, *slow], slots, tried, more) if slow else placed
        started = {index for index, _ in placed}
        left = [Work(Stage.CHUNK, index) for index in ready if index in tried and index not in started]
        ends = [self.readiness.end_of_waiting(work) for work in left]
        self._waits = [end for end in ends if end is not None and end > self._now]
        return [self.readiness.start(Work(Stage.CHUNK, index), target) for index, target in placed]

    @cached_property
    def _straggler_limit(self) -> timedelta | None:
        rendered = [
            each
            for each in self._observation.attempts
            if each.work.stage is Stage.CHUNK and each.phase is AttemptPhase.SUCCEEDED
        ]
        return straggler_limit(rendered, self._execution.stragglers)

    def _slow_chunks(self) -> list[int]:
        """Chunks that have run so long that a second attempt may be faster."""
        limit = self._straggler_limit
        if limit is None:
            return []
        candidates = {
            work: [each for each in attempts if not (each.disrupted or self._record.ledger.settles(each))]
            for work, attempts in self._observation.by_work.items()
            if work.stage is Stage.CHUNK and self._record.is_open(work.chunk)
        }
        return [work.chunk for work in stragglers(candidates, limit, self._now) if not self.readiness.is_barred(work)]

    def _slow_from(self) -> list[datetime]:
        """The times at which running chunks become stragglers."""
        if self._record.plan is None or self._record.is_rendered:
            return []
        started = [each.started for each in self._held_by_chunks() if each.started]
        limit = self._straggler_limit if started else None
        return [at + limit for at in started if at + limit > self._now] if limit is not None else []
