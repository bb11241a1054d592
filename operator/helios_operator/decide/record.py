"""Folds the outcomes of attempts into the record: results, failures, chunks that must be rendered again.

Attempts that the record has already settled are skipped. So it changes nothing to fold the same observation twice, or
an older one.
"""

from collections.abc import Callable, Sequence

from helios_crds.mapping import UnusableSpec, request_of
from helios_crds.renderjob_status import MAX_LAST_FAILURE, MAX_RETRY_ENTRIES, PlanStatus
from helios_crds.wire import Stage
from helios_operator.decide.policies import worker_results
from helios_operator.decide.policies.deadlines import Overdue
from helios_operator.decide.policies.engines import has_other_engine, replan_pause, replanned
from helios_operator.decide.policies.failure_causes import Cause, cause_of, not_started
from helios_operator.decide.policies.failure_events import Failure, failure_events
from helios_operator.decide.policies.retry import given_up, retry_delay
from helios_operator.decide.policies.seeking import depends_on_frames
from helios_operator.decide.policies.worker_results import failure_text, what_happened
from helios_operator.model import reasons
from helios_operator.model.chunk_map import DONE, GIVEN_UP, WAITING
from helios_operator.model.config import Config
from helios_operator.model.decision import Announcement
from helios_operator.model.observation import Observation
from helios_operator.model.problem import Problem
from helios_operator.model.render_record import RenderRecord
from helios_operator.model.state import PLAN, STITCH, Attempt, AttemptPhase, Work


def fold(observation: Observation, overdue: Overdue, config: Config) -> RenderRecord:
    """The record after this observation."""
    return _Fold(observation, overdue, config).record


class _Fold:
    """One fold of an observation into a record; the constructor does the work."""

    def __init__(self, observation: Observation, overdue: Overdue, config: Config) -> None:
        self._observation, self._job, self._overdue, self._config = observation, observation.job, overdue, config
        self.record = RenderRecord.of(self._job.status, observation.store)
        self._failures: list[Failure] = []
        for attempt in observation.attempts:
            if attempt.cost is not None:
                self.record.usage.ended(attempt)
        # One step may lead to the next: a success may be recorded late, see policies/status_urgency.
        if self.record.plan is None and self._job.status.plan is not None:
            self._drop(
                self._job.status.plan, "the plan in its status is not in its store, or contradicts its chunk map"
            )
        elif self.record.plan is None:
            self._fold_plan()
        elif (other := self._first(has_other_engine)) is not None:
            self._plan_again(other)
        elif (seam := self._first(depends_on_frames)) is not None:
            self._plan_drawn(seam)
        elif not self.record.is_rendered:
            self._fold_chunks()
        if self.record.is_rendered:
            self._fold_stitch()
        if self._failures:
            self.record.events[:0] = failure_events(self._failures)
        if not self.record.has_ended:
            self._end_if_hopeless()

    def _end_if_hopeless(self) -> None:
        """Ends a render that is past its deadline, or whose spec cannot be rendered."""
        if self._overdue.render:
            limit = self._job.spec.execution.activeDeadline
            text = f"the render did not finish within spec.execution.activeDeadline ({limit})"
            self.record.end = Problem(reasons.DEADLINE_EXCEEDED, text)
        if self.record.plan is None:
            try:
                request_of(self._job.spec, self._observation.output)
            except UnusableSpec as error:
                self.record.end = Problem(error.reason, str(error))
            except ValueError as error:
                self.record.end = Problem(reasons.INVALID_SPEC, str(error))

    def _unsettled(self, work: Work) -> list[Attempt]:
        record = self.record
        return [
            each
            for each in self._observation.by_work.get(work, ())
            if not record.ledger.settles(each) and record.is_for_this_plan(each)
        ]

    def _fold_plan(self) -> None:
        attempts = self._unsettled(PLAN)
        for attempt in attempts:
            if attempt.phase is AttemptPhase.SUCCEEDED:
                result = worker_results.plan_result(attempt.message, self._observation.store)
                if result is not None:
                    plan, marks = result
                    made_by = {"target": attempt.target, "image": attempt.image}
                    self._take_plan(plan.model_copy(update=made_by), marks)
                    return
        self._fold_failure(PLAN, attempts)

    def _take_plan(self, plan: PlanStatus, marks: str) -> None:
        self.record.plan = plan
        self.record.marks = list(marks)
        self.record.ledger.forget(PLAN)
        text = f"{plan.frames} frames in {plan.chunks} chunks, {plan.cached} of them already in the store"
        self._announce("Normal", reasons.PLAN_SETTLED, text)
        for warning in plan.warnings[:3]:
            self._announce("Warning", reasons.PLAN_SETTLED, warning)

    def _fold_chunks(self) -> None:
        for work in sorted(self._observation.by_work):
            if work.stage is not Stage.CHUNK or not self.record.is_open(work.chunk):
                continue
            attempts = self._unsettled(work)
            done = next((attempt for attempt in attempts if attempt.phase is AttemptPhase.SUCCEEDED), None)
            if done is not None:
                self.record.marks[work.chunk] = DONE  # exit code 0 is proof enough: the manifest is in the store
                self.record.usage.done(done.target)
                self.record.ledger.forget(work)
            elif len(self.record.ledger.entries) < MAX_RETRY_ENTRIES:  # far more entries than end a render
                self._fold_failure(work, attempts)
        if self.record.is_rendered:
            self._announce("Normal", reasons.CHUNKS_RENDERED, f"all {len(self.record.marks)} chunks are rendered")

    def _first(self, shows: Callable[[Attempt, PlanStatus, Observation], bool]) -> Attempt | None:
        """A failed attempt at unfinished work that shows that the render needs another plan."""
        plan = self.record.plan
        assert plan is not None
        failed = (each for each in self._observation.attempts if each.phase is AttemptPhase.FAILED)
        for attempt in failed:
            if attempt.work.stage is Stage.CHUNK and not self.record.is_open(attempt.work.chunk):
                continue
            if shows(attempt, plan, self._observation) and attempt in self._unsettled(attempt.work):
                return attempt
        return None

    def _plan_again(self, other: Attempt) -> None:
        """Drops the plan, without a failure: the next one finds the chunks that its own engine has rendered before."""
        record = self.record
        assert record.plan is not None
        record.last_failure = failure_text(other.message, other.exit_code)[:MAX_LAST_FAILURE]
        self._drop(record.plan, f"the worker of {other.work} differs: {record.last_failure}", other)

    def _plan_drawn(self, seam: Attempt) -> None:
        """Drops a plan that took the page for one whose frames can be shown without those before them."""
        record = self.record
        assert record.plan is not None
        record.last_failure = what_happened(seam.message, seam.exit_code)[:MAX_LAST_FAILURE]
        why = f"{seam.work} shows more of the page than the plan saw: {record.last_failure}"
        self._drop(record.plan, why, drawn=True)

    def _drop(self, plan: PlanStatus, why: str, other: Attempt | None = None, *, drawn: bool = False) -> None:
        """Has the render planned again; no attempt until now counts.

        other: one with another engine than the plan. drawn: whether the next plan has all frames drawn.
        """
        record, start = self.record, self._observation.now
        record.replans = replanned(record.replans, plan, other.image if other else "", start, drawn=drawn)
        for work in list(record.ledger.entries):
            record.ledger.forget(work)
        last = max((attempt.number for attempt in self._observation.by_work.get(PLAN, ())), default=0)
        if other is not None:
            start += replan_pause(self._job.uid, record.replans)
        record.ledger.settle(PLAN, last, reasons.PLANNED_AGAIN, start)
        record.plan, record.marks = None, []
        self._announce("Normal", reasons.PLANNED_AGAIN, f"the render is planned again, because {why}")

    def _fold_stitch(self) -> None:
        assert self.record.plan is not None
        attempts = self._unsettled(STITCH)
        for attempt in attempts:
            if attempt.phase is AttemptPhase.SUCCEEDED:
                url = self._observation.output
                self.record.film = worker_results.film_result(attempt.message, url, self.record.plan.frames)
                self.record.ledger.forget(STITCH)
                self._announce("Normal", reasons.FILM_PUBLISHED, f"the film is at {url}")
                return
        failed = self._fold_failure(STITCH, attempts)
        if failed is not None and self.record.end is None:
            self._discard(worker_results.bad_chunks(failed.message, len(self.record.marks)))

    def _discard(self, bad: list[int]) -> None:
        """Has damaged chunks rendered again, as many as the record has entries left for; the rest follows later."""
        free_entries = MAX_RETRY_ENTRIES - len(self.record.ledger.entries)
        for index in bad[:free_entries]:
            work = Work(Stage.CHUNK, index)
            last = max((attempt.number for attempt in self._observation.by_work.get(work, ())), default=0)
            failures = self.record.ledger.record(work, last, reasons.BAD_CHUNK, None)
            self.record.marks[index] = WAITING
            limits = self._job.spec.execution.retries
            self.record.end = self.record.end or given_up(work, None, failures, 0, limits, "its segment is damaged")
        if bad:
            shown = ", ".join(map(str, bad[:10])) + (" and more" if len(bad) > 10 else "")
            self._announce("Warning", reasons.CHUNKS_DISCARDED, f"damaged chunks are rendered again: {shown}")

    def _fold_failure(self, work: Work, attempts: Sequence[Attempt]) -> Attempt | None:
        """Records that work failed, if none of its attempts can still succeed. Returns the attempt to blame."""
        alive = [attempt for attempt in attempts if self._is_alive(attempt)]
        if any(attempt.uid not in self._overdue.not_started for attempt in alive):
            return None
        blamed = [attempt for attempt in attempts if self._is_to_blame(attempt)] + alive
        if not blamed or any(self._awaits_result(attempt) for attempt in blamed):
            return None
        self._record_failure(work, max(attempt.number for attempt in attempts), blamed[-1])
        return blamed[-1]

    def _is_alive(self, attempt: Attempt) -> bool:
        return attempt.is_active and not attempt.stopping and attempt.uid not in self._overdue.lost

    def _awaits_result(self, attempt: Attempt) -> bool:
        """Whether an ended Job's pod has not been observed yet: its exit code may still arrive."""
        if attempt.is_active or attempt.exit_code is not None or attempt.finished is None:
            return False
        return self._observation.now - attempt.finished < self._config.result_grace

    def _is_to_blame(self, attempt: Attempt) -> bool:
        """A disruption is not a failure, nor is an attempt that we stopped. A success without a result is one."""
        if attempt.phase is AttemptPhase.SUCCEEDED:
            return True
        return attempt.phase is AttemptPhase.FAILED and not attempt.disrupted and not attempt.stopping

    def _record_failure(self, work: Work, number: int, attempt: Attempt) -> None:
        config, record = self._config, self.record
        cause = self._cause_of(attempt)
        failures = record.ledger.failures(work) + 1
        pause = retry_delay(self._job.uid, work, failures, config.backoff)
        record.ledger.record(work, number, cause.reason, self._observation.now + pause, attempt.target)
        record.failures += 1
        record.usage.failed(attempt.target)
        limits = self._job.spec.execution.retries
        record.end = record.end or given_up(work, attempt.exit_code, failures, record.failures, limits, cause.message)
        if record.end is not None and work.stage is Stage.CHUNK:
            record.marks[work.chunk] = GIVEN_UP
        record.last_failure = f"{work}, attempt {attempt.number}: {cause.message}"[:MAX_LAST_FAILURE]
        self._failures.append(Failure(work, attempt.number, cause.reason, cause.message))

    def _cause_of(self, attempt: Attempt) -> Cause:
        """Why an attempt failed."""
        if attempt.is_active:
            return not_started(attempt, self._job.spec.execution.startTimeout)
        return cause_of(attempt, self._observation.targets.get(attempt.target))

    def _announce(self, kind: str, reason: str, message: str) -> None:
        self.record.events.append(Announcement(kind, reason, message))
