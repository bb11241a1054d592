"""Which attempts are stopped: those of ended or suspended renders, settled ones, and those whose work is done."""

from collections.abc import Iterable

from helios_crds.renderjob_status import RenderJobStatus
from helios_crds.wire import Stage
from helios_operator.model.chunk_map import RENDERED
from helios_operator.model.decision import StopAttempt
from helios_operator.model.retry_ledger import RetryLedger
from helios_operator.model.state import Attempt


def attempts_to_stop(status: RenderJobStatus, attempts: Iterable[Attempt], *, suspended: bool) -> list[StopAttempt]:
    """Active attempts whose result is no longer needed.

    status: as acknowledged by the API server, so that no Job is deleted before its result is on record.
    """
    ledger = RetryLedger(status.retries)
    return [
        StopAttempt(attempt.name, attempt.uid, why)
        for attempt in attempts
        if attempt.is_active and not attempt.stopping and (why := _why(status, ledger, attempt, suspended))
    ]


def _why(status: RenderJobStatus, ledger: RetryLedger, attempt: Attempt, suspended: bool) -> str:
    if status.completionTime is not None:
        return "the render has ended"
    if suspended:
        return "the render is suspended"
    if is_of_earlier_plan(status, attempt):
        return "the render was planned again"
    if ledger.settles(attempt):
        return "its failure is on record"
    return "its work is on record as done" if is_done(status, attempt) else ""


def is_of_earlier_plan(status: RenderJobStatus, attempt: Attempt) -> bool:
    """Whether an attempt is for a plan that the render no longer has. Jobs of older operators do not name theirs."""
    if attempt.work.stage is Stage.PLAN or (status.plan is not None and status.plan.jobId == attempt.plan):
        return False
    replanned_at = status.replans.at if status.replans is not None else None
    return bool(attempt.plan) or (replanned_at is not None and attempt.created <= replanned_at)


def is_done(status: RenderJobStatus, attempt: Attempt) -> bool:
    """Whether the record shows an attempt's work as done."""
    match attempt.work.stage:
        case Stage.PLAN:
            return status.plan is not None
        case Stage.CHUNK:
            return status.chunkMap[attempt.work.chunk :][:1] in RENDERED
        case Stage.STITCH:
            return status.completionTime is not None
