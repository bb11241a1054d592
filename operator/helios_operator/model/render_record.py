"""The record of a render: the acknowledged status, amended by the outcomes of attempts since then."""

from dataclasses import dataclass, field

from helios_crds.renderjob_status import FilmStatus, PlanStatus, RenderJobStatus, ReplanStatus
from helios_crds.wire import Stage
from helios_operator.model.chunk_map import ACTIVE, RENDERED, WAITING
from helios_operator.model.decision import Announcement
from helios_operator.model.locations import job_path
from helios_operator.model.problem import Problem
from helios_operator.model.retry_ledger import RetryLedger
from helios_operator.model.state import Attempt, AttemptPhase
from helios_operator.model.target_usage import TargetUsage


@dataclass
class RenderRecord:
    """See the module's docstring.

    marks: one per chunk: WAITING, DONE, CACHED or GIVEN_UP. usage: by target. end: why the render fails.
    replans: plans in addition to the first. last_failure: what the last failed attempt said, while it is retried.
    events: Events about the amendments.
    """

    plan: PlanStatus | None
    marks: list[str]
    ledger: RetryLedger
    failures: int
    film: FilmStatus | None
    usage: TargetUsage
    replans: ReplanStatus | None = None
    last_failure: str = ""
    end: Problem | None = None
    events: list[Announcement] = field(default_factory=list)

    @classmethod
    def of(cls, status: RenderJobStatus, store: str) -> "RenderRecord":
        """The record that the status holds.

        A plan outside of the store, or one that contradicts the chunk map, is ignored: another program wrote it, or
        the store has changed. The render is then planned again.
        """
        plan, usage = status.plan, TargetUsage(status.targets)
        ledger = RetryLedger(status.retries, [target.name for target in status.targets])
        if plan is None or plan.jobPath != job_path(store, plan.jobId) or len(status.chunkMap) != plan.chunks:
            return cls(None, [], ledger, status.failures, None, usage, status.replans, status.lastFailure)
        marks = [WAITING if mark == ACTIVE else mark for mark in status.chunkMap]
        return cls(plan, marks, ledger, status.failures, None, usage, status.replans, status.lastFailure)

    def is_for_this_plan(self, attempt: Attempt) -> bool:
        """Whether an attempt belongs to the plan on record, and not to an earlier one."""
        if attempt.work.stage is Stage.PLAN:
            return True
        if self.replans is not None and self.replans.at is not None and attempt.created <= self.replans.at:
            # The same software may have made the plan again: then what it has rendered counts, and no failure does.
            return attempt.phase is AttemptPhase.SUCCEEDED and self._is_of(attempt, self.plan)
        return not attempt.plan or self._is_of(attempt, self.plan)

    @staticmethod
    def _is_of(attempt: Attempt, plan: PlanStatus | None) -> bool:
        return plan is not None and attempt.plan == plan.jobId

    def is_open(self, index: int) -> bool:
        """Whether a chunk is neither done nor given up."""
        return index < len(self.marks) and self.marks[index] == WAITING

    @property
    def is_rendered(self) -> bool:
        """Whether every chunk is done."""
        return self.plan is not None and all(mark in RENDERED for mark in self.marks)

    @property
    def has_ended(self) -> bool:
        """Whether the render is over, with a film or without."""
        return self.end is not None or self.film is not None
