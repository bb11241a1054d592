"""Finished Jobs that are deleted early: after spec.ttlAfterFinished, or because they keep other work from starting.

Kubernetes deletes a finished Job itself after a time that is set when the Job is created. That time must leave room for
an operator that is down, so it is at least ten minutes. Once its outcome is on record, a Job is only kept for its logs.
"""

from collections.abc import Iterator
from datetime import datetime

from helios_crds.durations import parse_duration
from helios_operator.decide.policies.delays import is_waiting_long
from helios_operator.decide.policies.stop import is_done, is_of_earlier_plan
from helios_operator.manifests.job import SHORTEST_TTL
from helios_operator.model.decision import StopAttempt
from helios_operator.model.observation import Observation
from helios_operator.model.retry_ledger import RetryLedger
from helios_operator.model.state import Attempt

NO_POD = "no pod exists"
"""How the reason begins for which a Job without a pod waits."""


def expired(observation: Observation) -> list[StopAttempt]:
    """Finished Jobs on record that are older than spec.ttlAfterFinished, if that is shorter than Kubernetes is told."""
    limit = parse_duration(observation.job.spec.ttlAfterFinished)
    if limit >= SHORTEST_TTL:
        return []
    why = f"spec.ttlAfterFinished ({observation.job.spec.ttlAfterFinished}) is over"
    return [
        StopAttempt(each.name, each.uid, why)
        for each in _on_record(observation)
        if each.finished is not None and observation.now - each.finished >= limit
    ]


def next_expiry(observation: Observation) -> datetime | None:
    """When the next finished Job is deleted by `expired`."""
    limit = parse_duration(observation.job.spec.ttlAfterFinished)
    if limit >= SHORTEST_TTL:
        return None
    ends = (each.finished + limit for each in _on_record(observation) if each.finished is not None)
    return min((end for end in ends if end > observation.now), default=None)


def make_room(observation: Observation) -> list[StopAttempt]:
    """As many finished Jobs on record as a quota keeps from starting, the oldest first.

    A quota on Jobs or pods counts finished ones too, so that a render would wait for its own, for up to a day.
    """
    rejected = sum(start.by_quota for start in observation.rejected_starts)
    without_pod = sum(
        is_waiting_long(each, observation.now) and each.waiting.startswith(NO_POD) for each in observation.attempts
    )
    needed = rejected + without_pod
    if not needed:
        return []
    oldest = sorted(_on_record(observation), key=lambda each: (each.finished or each.created, each.name))
    leaving = sum(each.stopping and not each.is_active for each in observation.attempts)
    why = "a quota counts it, its result is on record, and other work of the render waits"
    return [StopAttempt(each.name, each.uid, why) for each in oldest[: max(0, needed - leaving)]]


def _on_record(observation: Observation) -> Iterator[Attempt]:
    """Finished Jobs whose outcome the API server has acknowledged as part of the status, or that no longer matter."""
    status = observation.job.status
    ledger = RetryLedger(status.retries)
    for each in observation.attempts:
        if each.is_active or each.stopping or each.cost is not None or observation.is_outside(each.target):
            continue
        is_settled = status.completionTime is not None or ledger.settles(each) or is_done(status, each)
        if is_settled or is_of_earlier_plan(status, each):
            yield each
