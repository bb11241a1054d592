"""Which work is due, whether or when it may start, its next attempt's number, and the targets it was tried on."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from helios_crds.wire import Stage
from helios_operator.decide.policies.placement import SHUNNED_AFTER
from helios_operator.model.chunk_map import WAITING
from helios_operator.model.config import Config
from helios_operator.model.decision import StartAttempt
from helios_operator.model.observation import NameConflict, Observation, RejectedStart
from helios_operator.model.render_record import RenderRecord
from helios_operator.model.state import PLAN, STITCH, Attempt, Tried, Work


@dataclass(frozen=True)
class Hindered:
    """Due work that cannot start. names: name conflicts. rejected: starts that the API server rejects."""

    names: Sequence[NameConflict]
    rejected: Sequence[RejectedStart]


class Readiness:
    """Which work may start. holding: attempts that hold a slot: active ones, unless they are lost."""

    def __init__(
        self, observation: Observation, record: RenderRecord, holding: Sequence[Attempt], config: Config
    ) -> None:
        self._observation, self._record, self._config, self._now = observation, record, config, observation.now
        self._attempts = observation.by_work
        self._busy = {attempt.work for attempt in holding}
        self._conflicts = {(conflict.work, conflict.number) for conflict in observation.name_conflicts}
        self._rejected_by = {(start.work, start.number): start.target for start in observation.rejected_starts}
        self._paused = {
            (start.work, start.number): start.until
            for start in observation.rejected_starts
            if start.until > observation.now
        }

    def due(self) -> Iterator[Work]:
        """The unfinished work of the render's current step: the plan, the waiting chunks, or the stitch."""
        if self._record.plan is None:
            yield PLAN
        elif self._record.is_rendered:
            yield STITCH
        else:
            waiting = (index for index, mark in enumerate(self._record.marks) if mark == WAITING)
            yield from (Work(Stage.CHUNK, index) for index in waiting)

    def ready(self) -> list[Work]:
        """Due work that may start: no attempt runs, its name is free, and its back-off is over."""
        return [work for work in self.due() if self._is_ready(work)]

    def hindered(self) -> Hindered:
        """Due work that cannot start because of a name conflict, or because the API server rejects it.

        A rejected start counts as rejected until it is tried again.
        """
        observation = self._observation
        if not observation.name_conflicts and not observation.rejected_starts:  # nearly always
            return Hindered((), ())
        due = set(self.due()) - self._busy
        names = [each for each in observation.name_conflicts if each.work in due and self._has_conflict(each.work)]
        rejected = [
            each
            for each in observation.rejected_starts
            if each.work in due and each.number == self.next_number(each.work)
        ]
        return Hindered(names, rejected)

    def has_other_work(self, hindered: Hindered) -> bool:
        """Whether other due work has a free name and is not rejected."""
        barred = {each.work for each in hindered.rejected}
        return any(not (self._has_conflict(work) or work in barred) for work in self.due())

    def is_barred(self, work: Work) -> bool:
        """Whether the name of the next attempt conflicts, or the next start waits after a rejection."""
        if not self._conflicts and not self._paused:  # nearly always; this runs for each of thousands of chunks
            return False
        start = work, self.next_number(work)
        return start in self._conflicts or start in self._paused

    def start(self, work: Work, target: str) -> StartAttempt:
        """The next attempt at work."""
        return StartAttempt(work, self.next_number(work), target)

    def next_number(self, work: Work) -> int:
        """The number of the next attempt at work."""
        known = [attempt.number for attempt in self._attempts.get(work, ())]
        return max([self._record.ledger.last(work), *known]) + 1

    def tried(self, work: Work) -> Tried:
        """The targets on which work was or is tried without success. A target that rejects it counts as tried."""
        known = [attempt for attempt in self._attempts.get(work, ()) if not attempt.stopping]
        times = Counter(attempt.target for attempt in known)
        last, target = self._record.ledger.last(work), self._record.ledger.target(work)
        if target is not None and all(attempt.number != last for attempt in known):
            times[target] += 1
        if rejecting := self._rejected_by.get((work, self.next_number(work))):
            times[rejecting] += SHUNNED_AFTER
        end = self.end_of_waiting(work)
        return Tried(times, may_wait=end is not None and self._now < end)

    def tried_chunks(self) -> dict[int, Tried]:
        """The targets on which chunks were tried. Chunks without an attempt are left out."""
        rejected = (work for work, _ in self._rejected_by)
        tried = {*self._attempts, *self._record.ledger.entries, *rejected}
        return {work.chunk: self.tried(work) for work in tried if work.stage is Stage.CHUNK and self._is_open(work)}

    def end_of_waiting(self, work: Work) -> datetime | None:
        """Until when failed work may wait for a slot on another target."""
        ends = [attempt.finished for attempt in self._attempts.get(work, ()) if attempt.finished is not None]
        return max(ends) + self._config.spill_after if ends else None

    def changes(self) -> list[datetime]:
        """The times at which work becomes ready without any other change."""
        works = {*self._record.ledger.entries, *self._attempts}
        ready = (self._ready_at(work) for work in works)
        return [*(at for at in ready if at is not None and at > self._now), *self._paused.values()]

    def _is_open(self, work: Work) -> bool:
        return self._record.is_open(work.chunk)

    def _has_conflict(self, work: Work) -> bool:
        return (work, self.next_number(work)) in self._conflicts

    def _is_ready(self, work: Work) -> bool:
        if work in self._busy or self.is_barred(work):
            return False
        ready_at = self._ready_at(work)
        return ready_at is None or ready_at <= self._now

    def _ready_at(self, work: Work) -> datetime | None:
        """The end of the back-off after a failure, or of the pause after an end that is not a failure on record."""
        after_failure, attempts = self._record.ledger.not_before(work), self._attempts.get(work)
        if attempts is None:  # most of thousands of chunks
            return after_failure
        pauses = [
            attempt.finished + self._config.disruption_pause
            for attempt in attempts
            if attempt.finished is not None and not attempt.is_active and not self._record.ledger.settles(attempt)
        ]
        return max([*pauses, *([after_failure] if after_failure else [])], default=None)
