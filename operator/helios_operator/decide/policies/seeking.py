"""Pages whose frames depend on those before them, which the plan's test of a few frames has missed.

Two renderers then differ where they meet, and the render is planned again, once, with all frames drawn. That is
nobody's failure and counts as none. What was rendered for the first plan has other cache keys.
"""

from helios_crds.renderjob_status import PlanStatus
from helios_crds.wire import SEEKING, Stage, other_seeking
from helios_operator.decide.policies.worker_results import facts
from helios_operator.manifests.request import seeking_of
from helios_operator.model.observation import Observation
from helios_operator.model.state import Attempt

MOST_PLANS = 5
"""After so many other plans there is no further one: an API server whose definition of RenderJobs is older than this
operator keeps no `replans.drawn`."""


def depends_on_frames(attempt: Attempt, plan: PlanStatus, observation: Observation) -> bool:
    """Whether a failed attempt shows that the page needs another plan, and such a plan may be made.

    A job.json that is planned already is rendered as it is.
    """
    if attempt.work.stage is Stage.PLAN or SEEKING not in attempt.message:
        return False
    job, replans = observation.job, observation.job.status.replans
    if job.spec.composition.jobSpec is not None or (replans is not None and replans.count >= MOST_PLANS):
        return False
    return other_seeking(facts(attempt.message), seeking_of(job)) is not None
