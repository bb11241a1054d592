"""What to do about a RenderJob: a pure function of what was observed. No I/O, no clock, no randomness.

The order of things: what attempts came to is folded into the record (settle), then it is decided what runs next
(start), what must not run any longer (stop), and how all of it reads (status).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from helios_crds.durations import parse_duration
from helios_crds.mapping import UnusableSpec, render_request
from helios_crds.renderjob_status import RenderJobStatus
from helios_operator.decide.policies.blockers import names_taken, obstacle, starts_refused
from helios_operator.decide.policies.deadlines import is_over
from helios_operator.decide.policies.delays import delay
from helios_operator.decide.policies.stop import attempts_to_stop
from helios_operator.decide.record import Record, settle
from helios_operator.decide.scheduler import _Scheduler
from helios_operator.decide.status import _Hindrance, _status
from helios_operator.model import reasons
from helios_operator.model.config import Config
from helios_operator.model.locations import output_url
from helios_operator.model.problem import Problem
from helios_operator.model.state import (
    Announcement,
    Attempt,
    Decision,
    ObservedJob,
)


def reconcile(
    job: ObservedJob, children: Sequence[Attempt], invocations: Sequence[Attempt], now: datetime, config: Config
) -> Decision:
    """What follows from an observation.

    children: Jobs that this RenderJob owns; invocations: what runs on other targets.
    now: by the API server's clock.
    """
    attempts = (*children, *invocations)
    if job.deleting:
        return Decision(status=job.status)
    stops = attempts_to_stop(job.status, attempts, suspended=job.spec.suspend)
    if job.status.completionTime is not None:
        return Decision(status=job.status, actions=tuple(stops))
    record = settle(job, attempts, now, config)
    _end_if_hopeless(job, record, now, config)
    blocked = obstacle(job, config)
    scheduler = _Scheduler(job, attempts, record, now, config)
    can_start = not (record.end or record.film or blocked or job.spec.suspend)
    starts = scheduler.starts() if can_start else []
    refused = scheduler.refused()
    found = names_taken(scheduler.missed()) or starts_refused(refused) or scheduler.budget_reached()
    hindrance = _Hindrance(blocked or found, total=blocked is not None or not scheduler.has_others(refused))
    announced = [start for start in starts if start.work not in {told.work for told in refused}]
    held_up = delay(scheduler.holding, now, scheduler.notes())
    status = _status(job, record, hindrance, scheduler.holding, announced, held_up, now, config)
    announcements = [*record.events, *_ending(record), *_hindering(job.status, status)]
    return Decision(
        status=status,
        actions=(*stops, *starts),
        events=tuple(announcements),
        requeue_after=None if record.end or record.film else scheduler.next_look(),
        reach=scheduler.reach(is_blocked=blocked is not None),
        extra=scheduler.extra,
    )


def _end_if_hopeless(job: ObservedJob, record: Record, now: datetime, config: Config) -> None:
    """Ends a render whose spec cannot be rendered, or whose time is over."""
    if record.end or record.film:
        return
    limit = job.spec.execution.activeDeadline
    if not job.spec.suspend and is_over(job.status.startTime, now, parse_duration(limit) if limit else None):
        text = f"the render did not finish within execution.activeDeadline ({limit})"
        record.end = Problem(reasons.DEADLINE_EXCEEDED, text)
    if record.plan is None:
        try:
            render_request(job.spec, output_url(job, config))
        except UnusableSpec as error:
            record.end = Problem(error.reason, str(error))
        except ValueError as error:
            record.end = Problem(reasons.INVALID_SPEC, str(error))


def _hindering(before: RenderJobStatus, after: RenderJobStatus) -> Iterator[Announcement]:
    """An obstacle is told when it appears; the conditions go on telling it."""
    known = {found.reason for found in before.conditions if found.type == reasons.STALLED and found.status == "True"}
    for found in after.conditions:
        is_new = found.type == reasons.STALLED and found.status == "True" and found.reason not in known
        if is_new and after.completionTime is None:
            yield Announcement("Warning", found.reason, found.message)


def _ending(record: Record) -> Iterator[Announcement]:
    if record.end is not None:
        yield Announcement("Warning", record.end.reason, record.end.message)
