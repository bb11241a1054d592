"""The decision about a RenderJob: a pure function of an observation. No I/O, no clock, no randomness.

The data flows one way. The outcomes of attempts are folded into the record, the record determines what runs next, and
the status shows both. Each step takes the results of the steps before it and calls none of them.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from helios_crds.renderjob_status import RenderJobStatus
from helios_operator.decide.policies.blockers import blocker, budget_reached, name_conflict, start_rejected
from helios_operator.decide.policies.deadlines import overdue
from helios_operator.decide.policies.delays import delay, notes, retries
from helios_operator.decide.policies.eligibility import eligibility
from helios_operator.decide.policies.engines import image_gone, images_differ, without_image
from helios_operator.decide.policies.finished_jobs import expired, make_room, next_expiry
from helios_operator.decide.policies.inputs import needs_inputs
from helios_operator.decide.policies.stop import attempts_to_stop
from helios_operator.decide.record import fold
from helios_operator.decide.scheduler import Schedule, schedule
from helios_operator.decide.status import observed, status_of
from helios_operator.model import reasons
from helios_operator.model.config import Config
from helios_operator.model.decision import Announcement, Decision
from helios_operator.model.observation import Observation
from helios_operator.model.problem import Problem
from helios_operator.model.render_record import RenderRecord
from helios_operator.model.state import Attempt

SHORTEST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Bounds of the seconds until the next reconcile; at most a minute, since clocks drift."""


def reconcile(observation: Observation, config: Config) -> Decision:
    """Decides what to start, to stop, to announce, and what the status says."""
    job = observation.job
    if job.deleting:
        return Decision(status=job.status)
    stops = tuple(attempts_to_stop(job.status, observation.attempts, suspended=job.spec.suspend))
    if job.status.completionTime is not None:
        stops = (*stops, *expired(observation))
        change = next_expiry(observation)
        return Decision(
            status=observed(job.status, job.generation),
            stops=stops,
            requeue_after=None if change is None else _seconds_until(change, observation.now),
        )
    late = overdue(observation, config)
    record = fold(observation, late, config)
    eligible = eligibility(observation)
    blocked = blocker(observation, eligible, config.store)
    planned = schedule(observation, record, late, eligible, blocked, config)
    no_image = without_image(planned.holding, record.plan, observation.now)
    problem = blocked or _problem_of(planned, record, no_image, job.spec.execution.budget, config)
    goes_on = planned.goes_on and len(no_image) < len(planned.holding or (None,))
    blocks = problem is not None and (blocked is not None or not goes_on)
    used_up = planned.budget is not None and planned.budget.is_used_up
    causes = [*retries(record, observation.now), *notes(observation, eligible, is_over_budget=used_up)]
    held_up = delay(planned.holding, observation.now, [*causes, *filter(None, [planned.without_slot])])
    status = status_of(
        observation, record, planned.underway, problem, blocks=blocks, delay=held_up, operator=config.operator
    )
    return Decision(
        status=status,
        stops=(*stops, *expired(observation), *make_room(observation)),
        renew_inputs=needs_inputs(observation),
        starts=planned.starts,
        events=(*record.events, *_ending(record), *_new_problems(job.status, status)),
        requeue_after=None
        if record.has_ended
        else _seconds_until(
            min([*planned.changes, *filter(None, [next_expiry(observation)])], default=None), observation.now
        ),
        demand=planned.demand,
    )


def _problem_of(
    planned: Schedule, record: RenderRecord, no_image: Sequence[Attempt], budget: str | None, config: Config
) -> Problem | None:
    """What a user has to change for the hindered part of the work; other work may continue.

    no_image: pods that wait for an image that cannot be pulled.
    """
    if no_image:
        return image_gone(no_image, config.image)
    if record.plan is None and (problem := images_differ(record.replans, config)) is not None:
        return problem
    hindered = planned.hindered
    if hindered.names:
        return name_conflict(hindered.names)
    if hindered.rejected:
        return start_rejected(hindered.rejected)
    return budget_reached(budget) if planned.is_over_budget else None


def _seconds_until(change: datetime | None, now: datetime) -> float:
    """Seconds until the passing of time may change the decision."""
    if change is None:
        return LONGEST_WAIT
    return min(LONGEST_WAIT, max(SHORTEST_WAIT, (change - now).total_seconds()))


def _new_problems(before: RenderJobStatus, after: RenderJobStatus) -> Iterator[Announcement]:
    """An Event for a problem when it appears. The conditions show it for as long as it lasts."""
    known = {item.reason for item in before.conditions if item.type == reasons.STALLED and item.status == "True"}
    for item in after.conditions:
        is_new = item.type == reasons.STALLED and item.status == "True" and item.reason not in known
        if is_new and after.completionTime is None:
            yield Announcement("Warning", item.reason, item.message)


def _ending(record: RenderRecord) -> Iterator[Announcement]:
    if record.end is not None:
        yield Announcement("Warning", record.end.reason, record.end.message)
