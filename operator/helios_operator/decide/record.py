"""Folds what attempts came to into what is on record: results, failures, chunks that must be rendered again.

Attempts that the record has settled already are passed over, so that folding the same observation twice, or an
old one, changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from helios_crds.durations import parse_duration
from helios_crds.renderjob_status import MAX_RETRY_ENTRIES, Film, PlanStatus
from helios_crds.wire import Stage
from helios_operator.decide.policies import worker_results
from helios_operator.decide.policies.deadlines import has_not_started, is_lost
from helios_operator.decide.policies.failure_causes import Cause, cause_of, not_started
from helios_operator.decide.policies.failure_events import Failure, announcements
from helios_operator.decide.policies.retry import backoff, given_up
from helios_operator.model import reasons
from helios_operator.model.chunk_map import ACTIVE, DONE, GIVEN_UP, RENDERED, WAITING
from helios_operator.model.config import Config
from helios_operator.model.locations import output_url, store_url
from helios_operator.model.problem import Problem
from helios_operator.model.retry_ledger import RetryLedger
from helios_operator.model.state import PLAN, STITCH, Announcement, Attempt, AttemptPhase, ObservedJob, Work, by_work
from helios_operator.model.target_usage import TargetUsage


@dataclass
class Record:
    """What is on record of a render, as it is being amended.

    marks: one per chunk, WAITING, DONE, CACHED or GIVEN_UP. tallies: by target. end: why the render ends without a
    film.
    """

    plan: PlanStatus | None
    marks: list[str]
    ledger: RetryLedger
    failures: int
    film: Film | None
    tallies: TargetUsage
    end: Problem | None = None
    events: list[Announcement] = field(default_factory=list)

    @classmethod
    def of(cls, job: ObservedJob, store: str) -> "Record":
        """What the status says.

        A plan that lies outside the store is not believed, nor one that the marks contradict: somebody else wrote
        it, or the store is another one now. The render is then planned again.
        """
        status, plan = job.status, job.status.plan
        ledger, tallies = (
            RetryLedger(status.retries, [target.name for target in status.targets]),
            TargetUsage(status.targets),
        )
        if (
            plan is None
            or plan.jobPath != worker_results.job_path(store, plan.jobId)
            or len(status.chunkMap) != plan.chunks
        ):
            return cls(None, [], ledger, status.failures, None, tallies)
        marks = [WAITING if mark == ACTIVE else mark for mark in status.chunkMap]
        return cls(plan, marks, ledger, status.failures, None, tallies)

    def is_open(self, index: int) -> bool:
        """Whether a chunk is neither done nor given up."""
        return index < len(self.marks) and self.marks[index] == WAITING

    @property
    def is_rendered(self) -> bool:
        """Whether every chunk is done."""
        return self.plan is not None and all(mark in RENDERED for mark in self.marks)


def settle(job: ObservedJob, attempts: Iterable[Attempt], now: datetime, config: Config) -> Record:
    """The record after this observation."""
    return _Settlement(job, by_work(attempts), now, config).record


class _Settlement:
    """One folding; the constructor does it."""

    def __init__(
        self, job: ObservedJob, attempts: Mapping[Work, Sequence[Attempt]], now: datetime, config: Config
    ) -> None:
        self._job, self._attempts, self._now, self._config = job, attempts, now, config
        self.record = Record.of(job, store_url(job, config))
        self._failures: list[Failure] = []
        self._start_timeout = parse_duration(job.spec.execution.startTimeout)
        for attempt in (each for found in attempts.values() for each in found if each.cost is not None):
            self.record.tallies.ended(attempt)
        # One after another: what is done may be on record late, see policies/urgency.
        if self.record.plan is None:
            self._settle_plan()
        elif not self.record.is_rendered:
            self._settle_chunks()
        if self.record.is_rendered:
            self._settle_stitch()
        self.record.events[:0] = announcements(self._failures)

    def _unsettled(self, work: Work) -> list[Attempt]:
        return [found for found in self._attempts.get(work, ()) if not self.record.ledger.settles(found)]

    def _settle_plan(self) -> None:
        attempts = self._unsettled(PLAN)
        for attempt in attempts:
            if attempt.phase is AttemptPhase.SUCCEEDED:
                found = worker_results.plan_result(attempt.message, store_url(self._job, self._config))
                if found is not None:
                    self._take_plan(*found)
                    return
        self._settle_failure(PLAN, attempts)

    def _take_plan(self, plan: PlanStatus, marks: str) -> None:
        self.record.plan = plan
        self.record.marks = list(marks)
        self.record.ledger.forget(PLAN)
        text = f"{plan.frames} frames in {plan.chunks} chunks, {plan.cached} of them in the store already"
        self._announce("Normal", reasons.PLAN_SETTLED, text)
        for warning in plan.warnings[:3]:
            self._announce("Warning", reasons.PLAN_SETTLED, warning)

    def _settle_chunks(self) -> None:
        for work in sorted(self._attempts):
            if work.stage is not Stage.CHUNK or not self.record.is_open(work.chunk):
                continue
            attempts = self._unsettled(work)
            done = next((attempt for attempt in attempts if attempt.phase is AttemptPhase.SUCCEEDED), None)
            if done is not None:
                self.record.marks[work.chunk] = DONE  # exit 0 alone proves it: the manifest is in the store
                self.record.tallies.done(done.target)
                self.record.ledger.forget(work)
            elif len(self.record.ledger.entries) < MAX_RETRY_ENTRIES:  # far beyond what ends the render
                self._settle_failure(work, attempts)
        if self.record.is_rendered:
            self._announce("Normal", reasons.CHUNKS_RENDERED, f"all {len(self.record.marks)} chunks are rendered")

    def _settle_stitch(self) -> None:
        assert self.record.plan is not None
        attempts = self._unsettled(STITCH)
        for attempt in attempts:
            if attempt.phase is AttemptPhase.SUCCEEDED:
                url = output_url(self._job, self._config)
                self.record.film = worker_results.film_result(attempt.message, url, self.record.plan.frames)
                self.record.ledger.forget(STITCH)
                self._announce("Normal", reasons.FILM_PUBLISHED, f"the film is at {url}")
                return
        failed = self._settle_failure(STITCH, attempts)
        if failed is not None and self.record.end is None:
            self._discard(worker_results.bad_chunks(failed.message, len(self.record.marks)))

    def _discard(self, bad: list[int]) -> None:
        """Chunks that the stitch found damaged render again; those beyond the record's room, next time."""
        room = MAX_RETRY_ENTRIES - len(self.record.ledger.entries)
        for index in bad[:room]:
            work = Work(Stage.CHUNK, index)
            last = max((attempt.number for attempt in self._attempts.get(work, ())), default=0)
            failures = self.record.ledger.record(work, last, reasons.BAD_CHUNK, None)
            self.record.marks[index] = WAITING
            limits = self._job.spec.execution.retries
            self.record.end = self.record.end or given_up(work, None, failures, 0, limits, "its segment is damaged")
        if bad:
            shown = ", ".join(map(str, bad[:10])) + (" and more" if len(bad) > 10 else "")
            self._announce("Warning", reasons.CHUNKS_DISCARDED, f"damaged chunks render again: {shown}")

    def _settle_failure(self, work: Work, attempts: Sequence[Attempt]) -> Attempt | None:
        """Records that work failed, if none of its attempts is left. Returns the attempt that is to blame."""
        alive = [attempt for attempt in attempts if self._is_alive(attempt)]
        if any(not has_not_started(attempt, self._now, self._start_timeout) for attempt in alive):
            return None
        blamed = [attempt for attempt in attempts if self._is_to_blame(attempt)] + alive
        if not blamed or any(self._is_untold(attempt) for attempt in blamed):
            return None
        self._record_failure(work, max(attempt.number for attempt in attempts), blamed[-1])
        return blamed[-1]

    def _is_alive(self, attempt: Attempt) -> bool:
        lost = is_lost(attempt, self._now, self._config.terminating_grace)
        return attempt.is_active and not attempt.stopping and not lost

    def _is_untold(self, attempt: Attempt) -> bool:
        """Whether a Job has ended whose pod has not been heard of: its news may be on the way."""
        if attempt.is_active or attempt.exit_code is not None or attempt.finished is None:
            return False
        return self._now - attempt.finished < self._config.result_grace

    def _is_to_blame(self, attempt: Attempt) -> bool:
        """A disruption is nobody's failure, nor is what we stopped ourselves. A plan that says nothing is one."""
        if attempt.phase is AttemptPhase.SUCCEEDED:
            return True
        return attempt.phase is AttemptPhase.FAILED and not attempt.disrupted and not attempt.stopping

    def _record_failure(self, work: Work, number: int, attempt: Attempt) -> None:
        config, record = self._config, self.record
        found = self._account(attempt)
        failures = record.ledger.failures(work) + 1
        pause = backoff(self._job.uid, work, failures, config.backoff, config.backoff_limit)
        record.ledger.record(work, number, found.reason, self._now + pause, attempt.target)
        record.failures += 1
        record.tallies.failed(attempt.target)
        limits = self._job.spec.execution.retries
        record.end = record.end or given_up(work, attempt.exit_code, failures, record.failures, limits, found.message)
        if record.end is not None and work.stage is Stage.CHUNK:
            record.marks[work.chunk] = GIVEN_UP
        self._failures.append(Failure(work, attempt.number, found.reason, found.message))

    def _account(self, attempt: Attempt) -> Cause:
        """Why an attempt failed."""
        if attempt.is_active:
            return not_started(attempt, self._job.spec.execution.startTimeout)
        return cause_of(attempt, self._config.targets.get(attempt.target))

    def _announce(self, kind: str, reason: str, message: str) -> None:
        self.record.events.append(Announcement(kind, reason, message))
