"""Whether a status must be written now, or is progress that may wait for its turn."""

from helios_crds.renderjob_status import RenderJobStatus
from helios_operator.model import reasons

URGENT_TYPES = frozenset({reasons.COMPLETE, reasons.FAILED, reasons.SUSPENDED, reasons.STALLED})


def is_urgent(before: RenderJobStatus, after: RenderJobStatus) -> bool:
    """Whether the change must be on record before the operator acts on it, or users wait for it.

    The plan, failures, blockers, the end, and which operator looks after it are urgent. Active and done chunks are not:
    an operator that restarts reads them from the Jobs, which are kept for at least ten minutes.
    """
    return _urgent_part(before) != _urgent_part(after)


def _urgent_part(status: RenderJobStatus) -> tuple[object, ...]:
    conditions = {
        (condition.type, condition.reason, condition.message)
        for condition in status.conditions
        if condition.status == "True" and condition.type in URGENT_TYPES
    }
    return status.plan, status.failures, status.retries, status.completionTime, status.operator, conditions
