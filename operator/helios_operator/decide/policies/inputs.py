"""Inputs of a plan that are created again: its pod waits for as long as a volume is missing."""

from helios_operator.decide.policies.delays import is_waiting_long
from helios_operator.model.observation import Observation
from helios_operator.model.state import PLAN


def needs_inputs(observation: Observation) -> bool:
    """Whether a plan's pod waits for so long that somebody may have deleted the ConfigMap of the inline page.

    What is there is not changed, so it does no harm to create it once more.
    """
    if observation.job.spec.composition.inline is None:
        return False
    return any(
        is_waiting_long(each, observation.now) and not each.stopping for each in observation.by_work.get(PLAN, ())
    )
