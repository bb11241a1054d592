"""The decision about a RenderJob whose spec does not match the schema: its conditions say so, and nothing starts.

The API server rejects such a spec. It can only be older than a stricter schema, or come from a server without one.
"""

from datetime import datetime

from helios_operator.decide.conditions import invalid
from helios_operator.model import reasons
from helios_operator.model.decision import Announcement, Decision
from helios_operator.model.observation import InvalidJob


def reject_spec(job: InvalidJob, now: datetime) -> Decision:
    """The status that names the mistake. Running work and the record stay. An ended RenderJob does not change."""
    if job.status.completionTime is not None:
        return Decision(status=job.status)
    message = (
        f"{job.error}; correct the spec with kubectl apply, or delete this RenderJob if the field cannot be changed"
    )
    status = job.status.model_copy(
        update={
            "observedGeneration": job.generation,
            "phase": "Pending",
            "conditions": invalid(job.status.conditions, reasons.INVALID_SPEC, message, job.generation, now),
        }
    )
    if status == job.status:
        return Decision(status=status)
    return Decision(status=status, events=(Announcement("Warning", reasons.INVALID_SPEC, message),))
