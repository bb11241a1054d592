"""What delays a render while nothing has failed, for people who look at it meanwhile."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from helios_operator.decide.policies.eligibility import Eligibility
from helios_operator.model.observation import Observation
from helios_operator.model.state import Attempt, AttemptPhase

WORTH_TELLING = timedelta(seconds=10)
"""Pods take some seconds to start, which nobody need read about."""


def delay(attempts: Iterable[Attempt], now: datetime, notes: Iterable[str] = ()) -> str:
    """What delays active attempts, one of each kind with their number; empty if nothing does.

    notes: what keeps targets from taking more. Attempts that we stop ourselves are not delayed.
    """
    running = [attempt for attempt in attempts if not attempt.stopping]
    leaving = [attempt for attempt in running if attempt.leaving]
    silent = [attempt for attempt in running if attempt.silent and not attempt.leaving]
    waiting = [attempt for attempt in running if is_waiting_long(attempt, now) and not attempt.leaving]
    delays = list(notes)
    if silent:
        delays.append(f"{_pods(silent)} on a node that does not answer")
    if leaving:
        delays.append(f"{_pods(leaving)} being taken away: {leaving[0].leaving}")
    if waiting:
        delays.append(f"{_pods(waiting)} not starting: {waiting[0].waiting or 'no reason is known'}")
    return "; ".join(delays)


def notes(observation: Observation, eligible: Eligibility, *, is_over_budget: bool) -> list[str]:
    """What keeps this RenderJob's targets from taking more.

    is_over_budget: whether nothing more may cost anything.
    """
    execution = observation.job.spec.execution
    resting = [observation.capacity_of(use.name).resting for use in observation.job.uses]
    kept = [why for why in resting if why]
    if eligible.without_store:
        names = ", ".join(eligible.without_store)
        kept.append(f"{names} cannot reach the artifacts, which lie on a volume: set artifacts.url to a bucket")
    if is_over_budget:
        kept.append(f"execution.budget ({execution.budget}) is used up, nothing more runs where it costs something")
    return [*kept, *(f"the Job {name} cannot be deleted: {why}" for name, why in observation.undeletable[:1])]


def is_waiting_long(attempt: Attempt, now: datetime) -> bool:
    """Whether a pod has not started in the time that pods take."""
    return attempt.phase is AttemptPhase.WAITING and now - attempt.created >= WORTH_TELLING


def _pods(attempts: list[Attempt]) -> str:
    count = len(attempts)
    return "a pod is" if count == 1 else f"{count} pods are"
