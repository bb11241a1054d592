"""Which attempts start now, and when to look again."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property

from helios_crds.durations import parse_duration
from helios_crds.renderjob import TargetUse
from helios_crds.wire import Stage
from helios_operator.decide.policies.budget import affordable, is_priced
from helios_operator.decide.policies.deadlines import is_lost
from helios_operator.decide.policies.delays import WORTH_TELLING, is_waiting_long
from helios_operator.decide.policies.eligibility import homes, is_offload, needs_bucket
from helios_operator.decide.policies.placement import SHUNNED_AFTER, Room, Tried, place, rooms, within_budget
from helios_operator.decide.policies.stragglers import patience, stragglers
from helios_operator.decide.record import Record
from helios_operator.model import reasons
from helios_operator.model.chunk_map import WAITING
from helios_operator.model.config import DEFAULT_USES, NO_LIMIT, Config
from helios_operator.model.problem import Problem
from helios_operator.model.state import (
    PLAN,
    STITCH,
    Attempt,
    AttemptPhase,
    NameConflict,
    ObservedJob,
    RejectedStart,
    StartAttempt,
    Work,
    by_work,
)


class _Scheduler:
    """What runs next.

    holding: attempts that hold a place: alive, or suspended by a queue; those that are lost hold none. extra: how
    many of its places are duplicates', or are to be, once it was asked for starts.
    """

    def __init__(
        self, job: ObservedJob, attempts: Sequence[Attempt], record: Record, now: datetime, config: Config
    ) -> None:
        self._job, self._record, self._now, self._config = job, record, now, config
        self._attempts = by_work(attempts)
        self.holding = [
            attempt for attempt in attempts if attempt.is_active and not is_lost(attempt, now, config.terminating_grace)
        ]
        self.extra = 0
        self._waits: list[datetime] = []
        self._busy = {attempt.work for attempt in self.holding}
        self._taken = {(taken.work, taken.number) for taken in job.taken}
        self._refusing = {(told.work, told.number): told.target for told in job.refused}
        self._paused = {(told.work, told.number): told.until for told in job.refused if told.until > now}

    def starts(self) -> list[StartAttempt]:
        """Attempts to start now."""
        if self._record.plan is None:
            return self._start_alone(PLAN)
        return self._start_alone(STITCH) if self._record.is_rendered else self._start_chunks()

    def missed(self) -> list[NameConflict]:
        """Names that others have and that the work needs which is due."""
        due = set(self._due()) - self._busy if self._job.taken else set()
        return [taken for taken in self._job.taken if taken.work in due and self._is_taken(taken.work)]

    def refused(self) -> list[RejectedStart]:
        """Refused starts that the work needs which is due: nothing else is known of them until they are tried again."""
        due = set(self._due()) - self._busy if self._job.refused else set()
        return [told for told in self._job.refused if told.work in due and told.number == self._next_number(told.work)]

    def has_others(self, refused: Sequence[RejectedStart]) -> bool:
        """Whether something runs, or will, whose name is free and that is not refused, nor too dear."""
        if self.holding:
            return True
        barred = {told.work for told in refused}
        if self.budget_reached():
            return False
        return any(not (self._is_taken(work) or work in barred) for work in self._due())

    def budget_reached(self) -> Problem | None:
        """The obstacle that a budget is once it is reached; none while what is due may run where it costs nothing."""
        due = next(self._due(), None)
        if due is None or self._affordable() != 0 or self._holds_priced():
            return None
        if not set(homes(self._job, due.stage, self._config)) <= self._priced():
            return None
        text = "is used up: raise it, or name a target without a price"
        return Problem(reasons.BUDGET_REACHED, f"execution.budget ({self._job.spec.execution.budget}) {text}")

    def notes(self) -> list[str]:
        """What keeps this job from having more done."""
        execution = self._job.spec.execution
        named = [use.name for use in execution.targets or DEFAULT_USES]
        told = [self._config.notes[name] for name in named if name in self._config.notes]
        targets = self._config.targets
        apart = [name for name in named if name in targets and needs_bucket(self._job, targets[name], self._config)]
        if apart:
            told.append(
                f"{', '.join(apart)} cannot reach the artifacts, which lie on a volume: set artifacts.url to a bucket"
            )
        if self._affordable() == 0 and not self._holds_priced():
            told.append(f"execution.budget ({execution.budget}) is used up, nothing more runs where it costs something")
        told += [f"the Job {name} cannot be deleted: {why}" for name, why in self._job.unstopped[:1]]
        return told

    def reach(self, *, is_blocked: bool) -> Mapping[str, int]:
        """How many places for chunks this job could use at most on each target, those that it holds included."""
        held = Counter(attempt.target for attempt in self.holding if attempt.work.stage is Stage.CHUNK)
        able = set() if is_blocked else {use.name for use in self._uses()}
        priced, more = self._priced(), self._affordable()
        found = {}
        for use in self._job.spec.execution.targets or DEFAULT_USES:
            most = (use.maxConcurrent or NO_LIMIT) if use.name in able else 0
            if use.name in priced and more is not None:
                most = min(most, held[use.name] + more)
            if self._job.at_limit and use.name in able and not is_offload(self._config.targets[use.name]):
                most = min(most, held[use.name] + 1)
            found[use.name] = max(most, held[use.name])
        return found

    def _uses(self) -> list[TargetUse]:
        """The targets that can run this job's chunks."""
        able = set(homes(self._job, Stage.CHUNK, self._config))
        return [use for use in self._job.spec.execution.targets or DEFAULT_USES if use.name in able]

    def _priced(self) -> set[str]:
        targets = self._config.targets.items()
        return {name for name, target in targets if is_offload(target) and is_priced(target.price)}

    def _holds_priced(self) -> int:
        """How many calls that cost something are under way."""
        priced = self._priced()
        held = sum(attempt.target in priced for attempt in self.holding)
        return max(held, self._config.calls) if priced else 0

    def _affordable(self) -> int | None:
        budget = self._job.spec.execution.budget
        if budget is None:
            return None
        spent, ended = self._record.tallies.spent()
        return affordable(Decimal(budget), spent, ended, self._holds_priced())

    def _due(self) -> Iterator[Work]:
        """What the render's step consists of, as far as it is not done."""
        if self._record.plan is None:
            yield PLAN
        elif self._record.is_rendered:
            yield STITCH
        else:
            waiting = (index for index, mark in enumerate(self._record.marks) if mark == WAITING)
            yield from (Work(Stage.CHUNK, index) for index in waiting)

    def _is_taken(self, work: Work) -> bool:
        return (work, self._next_number(work)) in self._taken

    def _is_barred(self, work: Work) -> bool:
        if not self._taken and not self._paused:  # of thousands of chunks, nearly always
            return False
        start = work, self._next_number(work)
        return start in self._taken or start in self._paused

    def _start_alone(self, work: Work) -> list[StartAttempt]:
        """On the first target that can and has room, of those where it was tried least often.

        A Kubernetes target has room for what is not a chunk.
        """
        if not self._is_ready(work):
            return []
        too_dear, tried = self._priced() if self._affordable() == 0 else set(), self._tried(work)
        able = [
            name
            for name in homes(self._job, work.stage, self._config)
            if not is_offload(self._config.targets[name]) or self._config.free.get(name, 1) > 0
            if name not in too_dear
        ]
        return [self._start(work, min(able, key=lambda name: tried[name]))] if able else []

    def _start_chunks(self) -> list[StartAttempt]:
        execution = self._job.spec.execution
        held = [attempt for attempt in self.holding if attempt.work.stage is Stage.CHUNK]
        waiting = [index for index, mark in enumerate(self._record.marks) if mark == WAITING]
        ready = [index for index in waiting if self._is_ready(Work(Stage.CHUNK, index))]
        free, more = self._rooms(held), execution.parallelism - len(held)
        self.extra = len(held) - len({attempt.work for attempt in held})
        placed = place(ready, free, self._tried_chunk, more)
        if len(placed) == len(ready) or len(placed) < min(more, sum(room.free for room in free)):
            slow = self._slow_chunks()
            self.extra += len(slow)
            placed = place([*ready, *slow], free, self._tried_chunk, more)
        left = set(ready) - {index for index, _ in placed}
        tried = [work for work in self._attempts if work.stage is Stage.CHUNK and work.chunk in left]
        ends = [self._end_of_waiting(work) for work in tried]
        self._waits = [end for end in ends if end is not None and end > self._now]
        return [self._start(Work(Stage.CHUNK, index), target) for index, target in placed]

    def _tried_chunk(self, index: int) -> Tried:
        work = Work(Stage.CHUNK, index)
        end = self._end_of_waiting(work)
        return Tried(self._tried(work), may_wait=end is not None and self._now < end)

    def _end_of_waiting(self, work: Work) -> datetime | None:
        """How long work that was tried waits for room elsewhere."""
        ends = [attempt.finished for attempt in self._attempts.get(work, ()) if attempt.finished is not None]
        return max(ends) + self._config.spill_after if ends else None

    def _tried(self, work: Work) -> Counter[str]:
        """How often work was tried where, or still is, without success; a target that refuses it counts as tried."""
        known = [attempt for attempt in self._attempts.get(work, ()) if not attempt.stopping]
        found = Counter(attempt.target for attempt in known)
        last, target = self._record.ledger.last(work), self._record.ledger.target(work)
        if target is not None and all(attempt.number != last for attempt in known):
            found[target] += 1
        if refusing := self._refusing.get((work, self._next_number(work))):
            found[refusing] += SHUNNED_AFTER
        return found

    def _rooms(self, held: Sequence[Attempt]) -> list[Room]:
        free = rooms(self._uses(), held, self._config, self._now)
        return within_budget(free, self._priced(), self._affordable())

    @cached_property
    def _patience(self) -> timedelta | None:
        finished = [attempt for found in self._attempts.values() for attempt in found if _is_rendered_chunk(attempt)]
        return patience(finished, self._job.spec.execution.stragglers)

    def _slow_chunks(self) -> list[int]:
        """Chunks that run for so long that a duplicate may be faster."""
        limit = self._patience
        if limit is None:
            return []
        candidates = {
            work: [attempt for attempt in found if not (attempt.disrupted or self._record.ledger.settles(attempt))]
            for work, found in self._attempts.items()
            if work.stage is Stage.CHUNK and self._record.is_open(work.chunk)
        }
        return [work.chunk for work in stragglers(candidates, limit, self._now) if not self._is_barred(work)]

    def _is_ready(self, work: Work) -> bool:
        """Whether work may start: nothing of it runs, its name is free, and each back-off is over."""
        if work in self._busy or self._is_barred(work):
            return False
        ready_at = self._ready_at(work)
        return ready_at is None or ready_at <= self._now

    def _ready_at(self, work: Work) -> datetime | None:
        """The end of the back-off after a failure, or of the pause after an end that is not on record."""
        pauses = [
            attempt.finished + self._config.disruption_pause
            for attempt in self._attempts.get(work, ())
            if attempt.finished is not None and not attempt.is_active and not self._record.ledger.settles(attempt)
        ]
        after_failure = self._record.ledger.not_before(work)
        return max([*pauses, *([after_failure] if after_failure else [])], default=None)

    def _next_number(self, work: Work) -> int:
        known = [attempt.number for attempt in self._attempts.get(work, ())]
        return max([self._record.ledger.last(work), *known]) + 1

    def _start(self, work: Work, target: str) -> StartAttempt:
        return StartAttempt(work, self._next_number(work), target)

    def next_look(self) -> float:
        """Seconds until time alone may change something; at most a minute, for the clock's drift."""
        waits = [
            ready_at
            for work in {*self._record.ledger.entries, *self._attempts}
            if (ready_at := self._ready_at(work)) is not None and ready_at > self._now
        ]
        start_timeout = parse_duration(self._job.spec.execution.startTimeout)
        starting = [attempt for attempt in self.holding if attempt.phase is AttemptPhase.WAITING]
        waits += [attempt.created + start_timeout for attempt in starting]
        waits += [attempt.created + WORTH_TELLING for attempt in starting if not is_waiting_long(attempt, self._now)]
        waits += self._paused.values()
        waits += [*self._waits, *self._slow_from()]
        soonest = min(waits, default=self._now + timedelta(minutes=1))
        return min(60.0, max(1.0, (soonest - self._now).total_seconds()))

    def _slow_from(self) -> list[datetime]:
        """When chunks that run become stragglers."""
        if self._record.plan is None or self._record.is_rendered:
            return []
        started = [each.started for each in self.holding if each.work.stage is Stage.CHUNK and each.started]
        limit = self._patience if started else None
        return [at + limit for at in started if at + limit > self._now] if limit is not None else []


def _is_rendered_chunk(attempt: Attempt) -> bool:
    return attempt.work.stage is Stage.CHUNK and attempt.phase is AttemptPhase.SUCCEEDED
