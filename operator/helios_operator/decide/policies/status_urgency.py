"""Whether a status has to be written now, or is progress that may wait for the next write."""

from helios_crds.renderjob_status import RenderJobStatus
from helios_operator.model import reasons

TELLING = frozenset({reasons.COMPLETE, reasons.FAILED, reasons.SUSPENDED, reasons.STALLED})


def is_urgent(before: RenderJobStatus, after: RenderJobStatus) -> bool:
    """Whether something is said that must be on record before anything follows from it, or that somebody waits for.

    The plan, failures and the end are. Which chunks are active or done is not: an operator that is started anew
    finds it out from the Jobs, which stay for ten minutes at least.
    """
    return _weighty(before) != _weighty(after)


def _weighty(status: RenderJobStatus) -> tuple[object, ...]:
    told = {
        (found.type, found.reason, found.message)
        for found in status.conditions
        if found.status == "True" and found.type in TELLING
    }
    return status.plan, status.failures, status.retries, status.completionTime, told
