"""Which attempts are stopped: cancelled, suspended, settled, or overtaken by another one."""

from collections.abc import Iterable

from helios_crds.renderjob_status import RenderJobStatus
from helios_crds.wire import Stage
from helios_operator.model.chunk_map import RENDERED
from helios_operator.model.decision import StopAttempt
from helios_operator.model.retry_ledger import RetryLedger
from helios_operator.model.state import Attempt


def attempts_to_stop(status: RenderJobStatus, attempts: Iterable[Attempt], *, suspended: bool) -> list[StopAttempt]:
    """Active attempts that nobody needs.

    status: as acknowledged by the API server, so that nothing is deleted whose result is not on record yet.
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
    if ledger.settles(attempt):
        return "it has been given up"
    return "the work is done" if is_done(status, attempt) else ""


def is_done(status: RenderJobStatus, attempt: Attempt) -> bool:
    """Whether an attempt's work is on record as done."""
    match attempt.work.stage:
        case Stage.PLAN:
            return status.plan is not None
        case Stage.CHUNK:
            return status.chunkMap[attempt.work.chunk :][:1] in RENDERED
        case Stage.STITCH:
            return status.completionTime is not None
