"""Carries out a decision: the status first, then stops, then starts. The operator may die after any of these steps.

Errors of the API server are noted in the RenderJob's record, so that the next observation has them, and the RenderJob
is reconciled again. `actions` makes the requests.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog

from helios_crds.text import one_line
from helios_operator import metrics
from helios_operator.control.actions import Actions, NameInUse, about
from helios_operator.control.event_recorder import EventRecorder
from helios_operator.control.pruned_statuses import PrunedStatuses
from helios_operator.control.status_rate_limit import StatusRateLimit
from helios_operator.decide.policies.blockers import MAX_REJECTION
from helios_operator.decide.policies.status_urgency import is_urgent
from helios_operator.kube.client import ApiError, Client
from helios_operator.kube.work_queue import WorkQueue
from helios_operator.model.config import Config
from helios_operator.model.decision import Announcement, Decision, StartAttempt, StopAttempt
from helios_operator.model.observation import InvalidJob, NameConflict, Observation, ObservedJob
from helios_operator.observed.children import Children
from helios_operator.observed.rejected_starts import AFTER_ROOM, is_rejection
from helios_operator.observed.renders import Render
from helios_operator.offload.invocations import Invocations

log = structlog.stdlib.get_logger(__name__)
Object = dict[str, Any]
# Concurrent creations of Jobs, for all RenderJobs and for one. Jobs that one reconcile creates at most.
STARTERS, BATCH, STARTS_A_RECONCILE = 16, 8, 64


class Executor:
    """See the module's docstring.

    on_render_job: called with a RenderJob as the API server now has it. on_gone: called with the UID of a deleted one.
    """

    def __init__(
        self,
        client: Client,
        config: Config,
        children: Children,
        invocations: Invocations,
        queue: WorkQueue,
        on_render_job: Callable[[Object], None],
        on_gone: Callable[[str], None],
    ) -> None:
        self._client = client
        self._config = config
        self._actions = Actions(client, children)
        self._events = EventRecorder(client)
        self._invocations = invocations
        self._queue = queue
        self._on_render_job = on_render_job
        self._on_gone = on_gone
        self._rate_limit = StatusRateLimit()
        self._pruned = PrunedStatuses()
        self._starters = asyncio.Semaphore(STARTERS)

    async def carry_out(self, render: Render, observation: Observation, decision: Decision) -> ApiError | None:
        """Carries out a decision. Returns the error of a failed stop, which does not keep the rest from being done.

        Raises:
            ApiError: the status was not written, or a start failed without being rejected.
        """
        self._invocations.bill(observation.job.uid, decision.status.targets)
        await self.report(observation.job, decision)
        if render.is_gone:
            return None
        job = replace(observation.job, status=decision.status)
        rest = self._invocations.carry_out(job, decision, observation.targets, observation.places, self._config)
        if render.rejected_starts.moved(set(decision.starts) - set(rest.starts)):
            self._queue.add(job.uid)
        failed = await self._stop_all(render, job, rest.stops)
        if rest.stops and failed is None and render.rejected_starts.hurry(self._client.now):
            self._queue.add(job.uid, AFTER_ROOM)
        if decision.renew_inputs and not render.is_gone:
            with contextlib.suppress(NameInUse):  # the pod's own volume says what is wrong
                await self._actions.prepare(job, self._config)
        if not render.is_gone:
            await self._create_jobs(render, job, rest.starts, observation)
        return failed

    async def report(self, job: ObservedJob | InvalidJob, decision: Decision) -> None:
        """Writes the status first, since all other steps depend on it: a stale observation ends here, with a 409.

        A status with mere progress waits for its turn, and so do its Events.

        Raises:
            ApiError: the status was not written.
        """
        if decision.status != job.status and not self._pruned.is_written(job, decision.status):
            if not is_urgent(job.status, decision.status):
                wait = self._rate_limit.wait(job.uid, asyncio.get_running_loop().time())
                if wait > 0:
                    self._queue.add(job.uid, wait)
                    return
            self._rate_limit.done(job.uid)
            await self._write(job, decision)
        for announcement in decision.events:
            self._events.record(job, announcement)

    async def is_free(self, job: ObservedJob, conflict: NameConflict) -> bool:
        """Whether a name that conflicted is free now, or belongs to a child of this RenderJob.

        Raises:
            ApiError: the API server did not answer.
        """
        return await self._actions.is_free(job, conflict)

    def announce(self, job: ObservedJob | InvalidJob, announcement: Announcement) -> None:
        """Queues an Event that belongs to no decision."""
        self._events.record(job, announcement)

    def forget(self, uid: str) -> None:
        """Forgets a deleted RenderJob."""
        self._rate_limit.done(uid)
        self._pruned.forget(uid)

    async def run(self) -> None:
        """Writes Events until it is cancelled."""
        await self._events.run()

    async def _write(self, job: ObservedJob | InvalidJob, decision: Decision) -> None:
        try:
            body = await self._actions.write_status(job, decision.status, job.resource_version)
            self._pruned.note(job, decision.status, body)
            self._on_render_job(body)
        except ApiError as error:
            if error.status == 404 or error.reason == "Conflict":
                await self._read_again(job)
            raise
        if decision.status.completionTime is not None and job.status.completionTime is None:
            metrics.ENDED.labels(decision.status.phase).inc()
            log.info("ended", **about(job), phase=decision.status.phase)

    async def _read_again(self, job: ObservedJob | InvalidJob) -> None:
        """Reads a RenderJob whose status write conflicted. The event about its change may never arrive."""
        body = await self._actions.find(job)
        if body is None:
            self._on_gone(job.uid)
        else:
            self._on_render_job(body)

    async def _stop_all(self, render: Render, job: ObservedJob, stops: Sequence[StopAttempt]) -> ApiError | None:
        """Makes all stops, even if one fails. Returns the first error."""
        failed: list[tuple[StopAttempt, ApiError]] = []
        for stop in stops:
            try:
                await self._actions.stop(job, stop)
            except ApiError as error:
                failed.append((stop, error))
        undeletable = {
            stop.name: one_line(error.message, MAX_REJECTION) for stop, error in failed if is_rejection(error)
        }
        if undeletable.keys() != render.undeletable.keys():
            log.info("the rejected stops have changed", **about(job), rejected=undeletable)
            self._queue.add(job.uid)
        render.undeletable = undeletable
        return failed[0][1] if failed else None

    async def _create_jobs(
        self, render: Render, job: ObservedJob, starts: Sequence[StartAttempt], observation: Observation
    ) -> None:
        """Creates Jobs in small batches. After a batch in which every start was rejected, the rest is not tried.

        At most STARTS_A_RECONCILE Jobs are created before the next reconcile, so that the outcomes of the first ones
        do not wait for the last one.
        """
        for first in range(0, min(len(starts), STARTS_A_RECONCILE), BATCH):
            batch = starts[first : first + BATCH]
            outcomes = await asyncio.gather(
                *(self._create_job(render, job, start, observation) for start in batch), return_exceptions=True
            )
            for start, outcome in zip(batch, outcomes, strict=True):
                self._note(render, job, start, outcome)
            rejections = [outcome for outcome in outcomes if is_rejection(outcome)]
            for outcome in outcomes:
                if outcome is not None and not is_rejection(outcome):
                    raise outcome
            if len(rejections) == len(batch):
                render.rejected_starts.add(starts[first + BATCH :], rejections[-1], self._client.now)
                render.rejected_starts.all_rejected = True
                return
        if len(starts) > STARTS_A_RECONCILE:
            render.reconciled_at = None
            self._queue.add(job.uid)

    def _note(self, render: Render, job: ObservedJob, start: StartAttempt, outcome: BaseException | None) -> None:
        """Records whether a start was rejected or succeeded, for the next observation."""
        if is_rejection(outcome):
            log.warning("a start is rejected", **about(job), work=str(start.work), error=str(outcome))
            metrics.API_ERRORS.labels(outcome.status).inc()
            render.rejected_starts.add([start], outcome, self._client.now)
            self._queue.add(job.uid)
        elif outcome is None and render.rejected_starts.succeeded(start):
            self._queue.add(job.uid)

    async def _create_job(
        self, render: Render, job: ObservedJob, start: StartAttempt, observation: Observation
    ) -> None:
        """Creates a Job. A name conflict is recorded for the next observation and stops no other start."""
        try:
            async with self._starters:
                target = observation.targets[start.target]
                await self._actions.start(job, start, target, observation.places, self._config)
        except NameInUse as error:
            log.warning("a name conflicts", **about(job), name=str(error))
            conflict = NameConflict(error.kind, error.name, start.work, start.number)
            render.name_conflicts.add(conflict, asyncio.get_running_loop().time())
            self._queue.add(job.uid)
