"""Deadlines: pods that do not start in time, pods that do not end in time, renders that do not finish in time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from helios_crds.durations import parse_duration
from helios_operator.decide.policies.engines import without_image
from helios_operator.model.config import Config
from helios_operator.model.observation import Observation
from helios_operator.model.state import Attempt, AttemptPhase


@dataclass(frozen=True)
class Overdue:
    """Which deadlines are exceeded. not_started, lost: UIDs of attempts. render: the RenderJob's own deadline."""

    not_started: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    render: bool = False


def overdue(observation: Observation, config: Config) -> Overdue:
    """The deadlines that are exceeded now."""
    job, now, attempts = observation.job, observation.now, observation.attempts
    no_image = {each.uid for each in without_image(attempts, job.status.plan, now)}  # waits for somebody, see engines
    start_timeout = parse_duration(job.spec.execution.startTimeout)
    limit = None if job.spec.suspend else job.spec.execution.activeDeadline
    return Overdue(
        frozenset(
            each.uid for each in attempts if has_not_started(each, now, start_timeout) and each.uid not in no_image
        ),
        frozenset(each.uid for each in attempts if is_lost(each, now, config.terminating_grace)),
        is_over(job.status.startTime, now, parse_duration(limit) if limit else None),
    )


def has_not_started(attempt: Attempt, now: datetime, limit: timedelta) -> bool:
    """Whether a pod has waited too long for its image, volume or node. Kubernetes itself would wait forever.

    A Job that Kueue suspends waits in a queue, which may take long and is not counted.
    """
    return attempt.phase is AttemptPhase.WAITING and now - attempt.created > limit


def is_lost(attempt: Attempt, now: datetime, grace: timedelta) -> bool:
    """Whether a terminating pod has not ended in time: its node is gone and may never report the end."""
    return attempt.is_active and attempt.terminating_since is not None and now - attempt.terminating_since > grace


def is_over(started: datetime | None, now: datetime, limit: timedelta | None) -> bool:
    """Whether the render is past its deadline."""
    return started is not None and limit is not None and now - started > limit
