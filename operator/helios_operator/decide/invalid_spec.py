"""What follows from a RenderJob whose spec does not follow the schema: it says so, and nothing else happens to it.

The API server refuses such a spec, so it comes from before the schema became stricter, or from a server without it.
"""

from datetime import datetime

from helios_operator.decide.conditions import refused
from helios_operator.model import reasons
from helios_operator.model.decision import Announcement, Decision
from helios_operator.model.observation import InvalidJob


def refuse(job: InvalidJob, now: datetime) -> Decision:
    """The status that names the mistake. What runs goes on, what is on record stays; one that ended is left alone."""
    if job.status.completionTime is not None:
        return Decision(status=job.status)
    message = f"{job.error}; correct it with kubectl apply, or delete this RenderJob where it cannot be changed"
    status = job.status.model_copy(
        update={
            "observedGeneration": job.generation,
            "phase": "Pending",
            "conditions": refused(job.status.conditions, reasons.INVALID_SPEC, message, job.generation, now),
        }
    )
    if status == job.status:
        return Decision(status=status)
    return Decision(status=status, events=(Announcement("Warning", reasons.INVALID_SPEC, message),))
