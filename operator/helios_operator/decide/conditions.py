"""The conditions and the phase that follow from a record, for `kubectl wait`, Argo CD and kstatus."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from helios_crds.base import Condition
from helios_crds.renderjob_status import Phase
from helios_operator.model import reasons
from helios_operator.model.problem import Problem
from helios_operator.model.render_record import RenderRecord

Truth = Literal["True", "False", "Unknown"]
MAX_MESSAGE = 1024
AT_REST: frozenset[Phase] = frozenset({"Complete", "Failed", "Pending", "Suspended"})
STEP: dict[Phase, str] = {
    "Pending": "waiting",
    "Planning": "the composition is being planned",
    "Rendering": "chunks are being rendered",
    "Stitching": "the chunks are being stitched into the film",
    "Complete": "the film is complete",
    "Suspended": "the render is suspended; set spec.suspend to false to continue",
}
STEP_REASON: dict[Phase, str] = {
    "Pending": reasons.PLANNING,
    "Planning": reasons.PLANNING,
    "Rendering": reasons.RENDERING,
    "Stitching": reasons.STITCHING,
    "Complete": reasons.FILM_PUBLISHED,
    "Suspended": reasons.SUSPENDED_BY_USER,
}


def phase_of(record: RenderRecord, *, suspended: bool, blocked: bool) -> Phase:
    """The phase: a summary for people."""
    if record.film is not None:
        return "Complete"
    if record.end is not None:
        return "Failed"
    if suspended:
        return "Suspended"
    if blocked:
        return "Pending"  # nothing can start until a user changes something
    if record.plan is None:
        return "Planning"
    return "Stitching" if record.is_rendered else "Rendering"


def conditions(
    record: RenderRecord,
    phase: Phase,
    problem: Problem | None,
    before: Iterable[Condition],
    generation: int,
    now: datetime,
    delay: str = "",
) -> list[Condition]:
    """Every condition, each with the time of its last change.

    problem: what a user has to change. Other work of the render may continue meanwhile; then the phase says so.
    delay: what delays the render without anything for a user to change.
    """
    known = {condition.type: condition for condition in before}
    trouble = record.end or (problem if phase not in ("Complete", "Suspended") else None)
    goes_on = phase not in AT_REST
    reason = STEP_REASON[phase] if goes_on or trouble is None else trouble.reason
    step = f"{STEP[phase]}; {delay}" if delay and (goes_on or phase == "Suspended") else STEP.get(phase, "")
    message = step if goes_on or trouble is None else trouble.message
    complete, failed, suspended = phase == "Complete", phase == "Failed", phase == "Suspended"
    wanted: list[tuple[str, bool, str, str]] = [
        (reasons.READY, complete, reason, message),
        (reasons.PLANNED, record.plan is not None, *_planned(record, reason, message)),
        (reasons.RENDERED, record.is_rendered, *_rendered(record, reason, message)),
        (reasons.COMPLETE, complete, reason, message),
        (reasons.FAILED, failed, *((reason, message) if failed else (reasons.NO_FAILURE, ""))),
        (reasons.SUSPENDED, suspended, *((reason, message) if suspended else (reasons.NOT_SUSPENDED, ""))),
        # kstatus takes an object as current when Reconciling and Stalled are both false.
        (reasons.RECONCILING, goes_on, reason, message),
        (reasons.STALLED, *_stalled(trouble)),
    ]
    return [condition(known.get(kind), kind, truth, why, text, generation, now) for kind, truth, why, text in wanted]


def _planned(record: RenderRecord, reason: str, message: str) -> tuple[str, str]:
    if record.plan is None:
        return reason, message
    return reasons.PLAN_SETTLED, f"{record.plan.frames} frames in {record.plan.chunks} chunks"


def _rendered(record: RenderRecord, reason: str, message: str) -> tuple[str, str]:
    return (reasons.CHUNKS_RENDERED, "") if record.is_rendered else (reason, message)


def _stalled(trouble: Problem | None) -> tuple[bool, str, str]:
    return (True, trouble.reason, trouble.message) if trouble else (False, reasons.AS_EXPECTED, "")


def invalid(before: Sequence[Condition], reason: str, message: str, generation: int, now: datetime) -> list[Condition]:
    """The conditions of an object whose spec is invalid. Conditions of other types stay as they are."""
    known = {condition.type: condition for condition in before}
    wanted = [(reasons.READY, False), (reasons.RECONCILING, False), (reasons.STALLED, True)]
    changed = {
        kind: condition(known.get(kind), kind, truth, reason, message, generation, now) for kind, truth in wanted
    }
    return list({**known, **changed}.values())


def condition(
    before: Condition | None, kind: str, truth: bool, reason: str, message: str, generation: int, now: datetime
) -> Condition:
    """A condition that keeps the time of its last transition."""
    status: Truth = "True" if truth else "False"
    since = before.lastTransitionTime if before is not None and before.status == status else now
    return Condition(
        type=kind,
        status=status,
        reason=reason,
        message=message[:MAX_MESSAGE],
        observedGeneration=generation,
        lastTransitionTime=since,
    )
