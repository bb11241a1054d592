"""What delays a render without a failure, as text for the conditions."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from helios_crds.wire import Stage
from helios_operator.decide.policies.eligibility import Eligibility
from helios_operator.model.observation import Observation
from helios_operator.model.render_record import RenderRecord
from helios_operator.model.state import Attempt, AttemptPhase

DELAY_SHOWN_AFTER = timedelta(seconds=10)
"""Pods take a few seconds to start. Only a longer wait is a delay."""


def delay(attempts: Iterable[Attempt], now: datetime, notes: Iterable[str] = ()) -> str:
    """What delays active attempts: for each kind of delay, their number and one cause; "" without delays.

    notes: other causes of delay, shown first. Attempts that we stop ourselves are left out.
    """
    running = [attempt for attempt in attempts if not attempt.stopping]
    leaving = [attempt for attempt in running if attempt.leaving]
    silent = [attempt for attempt in running if attempt.silent and not attempt.leaving]
    waiting = [attempt for attempt in running if is_waiting_long(attempt, now) and not attempt.leaving]
    queued = [attempt for attempt in running if attempt.phase is AttemptPhase.QUEUED and _is_old(attempt, now)]
    delays = list(notes)
    if silent:
        delays.append(f"{_pods(silent)} on a node that does not answer")
    if leaving:
        delays.append(f"{_pods(leaving)} being taken away: {leaving[0].leaving}")
    if waiting:
        delays.append(f"{_pods(waiting)} not starting: {waiting[0].waiting or 'the reason is unknown'}")
    if queued and queued[0].waiting:
        delays.append(f"{_jobs(queued)} suspended: {queued[0].waiting}")
    return "; ".join(delays)


def notes(observation: Observation, eligible: Eligibility, *, is_over_budget: bool) -> list[str]:
    """What keeps this RenderJob's targets from taking more work, or its Jobs from being deleted.

    is_over_budget: whether the budget is used up.
    """
    execution = observation.job.spec.execution
    resting = [observation.capacity_of(use.name).resting for use in observation.job.uses]
    causes = [why for why in resting if why]
    if eligible.without_store:
        names = ", ".join(eligible.without_store)
        causes.append(
            f"{names} cannot reach the artifacts on a volume of this cluster: set spec.artifacts.url to a bucket"
        )
    if unfit := eligible.unfit.get(Stage.CHUNK):
        causes.append(f"not used: {', '.join(unfit)}, since {next(iter(unfit.values()))}")
    if is_over_budget:
        causes.append(f"spec.execution.budget ({execution.budget}) is used up: no work starts on targets with a price")
    return [*causes, *(f"the Job {name} cannot be deleted: {why}" for name, why in observation.undeletable[:1])]


def retries(record: RenderRecord, now: datetime) -> list[str]:
    """Which failed work waits to be tried again, until when, and what its last attempt said."""
    ends = [entry.notBefore for entry in record.ledger.entries.values() if entry.notBefore and entry.notBefore > now]
    if not ends:
        return []
    what = "failed work is" if len(ends) == 1 else f"{len(ends)} pieces of failed work are"
    return [f"{what} tried again from {min(ends):%H:%M:%S} UTC on: {record.last_failure or 'see the events'}"]


def is_waiting_long(attempt: Attempt, now: datetime) -> bool:
    """Whether a pod takes longer to start than pods usually do."""
    return attempt.phase is AttemptPhase.WAITING and _is_old(attempt, now)


def _is_old(attempt: Attempt, now: datetime) -> bool:
    return now - attempt.created >= DELAY_SHOWN_AFTER


def _jobs(attempts: list[Attempt]) -> str:
    return "a Job is" if len(attempts) == 1 else f"{len(attempts)} Jobs are"


def _pods(attempts: list[Attempt]) -> str:
    count = len(attempts)
    return "a pod is" if count == 1 else f"{count} pods are"
