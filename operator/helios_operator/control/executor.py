"""Carries a decision out: the status first, then what stops, then what starts. Each step may be the last one.

Whatever the API server answers is taken note of where the next observation finds it, and the RenderJob is looked at
again. What is written, and how, is `actions`' part.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog

from helios_crds.text import one_line
from helios_operator import metrics
from helios_operator.control.actions import Actions, NameTaken, about
from helios_operator.control.event_recorder import EventRecorder
from helios_operator.control.status_rate_limit import StatusRateLimit
from helios_operator.decide.policies.blockers import MAX_SAID
from helios_operator.decide.policies.status_urgency import is_urgent
from helios_operator.kube.client import ApiError, Client
from helios_operator.kube.work_queue import WorkQueue
from helios_operator.model.config import Config
from helios_operator.model.decision import Decision, StartAttempt, StopAttempt
from helios_operator.model.observation import InvalidJob, NameConflict, Observation, ObservedJob
from helios_operator.observed.children import Children
from helios_operator.observed.rejected_starts import is_rejection
from helios_operator.observed.renders import Render
from helios_operator.offload.invocations import Invocations

log = structlog.stdlib.get_logger(__name__)
Object = dict[str, Any]
# Jobs that are created at once: for all RenderJobs, and for one; and how many before one is looked at again.
STARTERS, TOGETHER, STARTS_A_PASS = 16, 8, 64


class Executor:
    """See the module's docstring.

    on_render_job: told of a RenderJob as the API server now has it. on_gone: told the UID of one that it has no more.
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
        self._starters = asyncio.Semaphore(STARTERS)

    async def carry_out(self, render: Render, observation: Observation, decision: Decision) -> ApiError | None:
        """Does what was decided. Returns why a stop failed; nothing else waits for that.

        Raises:
            ApiError: the status or a start was not written.
        """
        self._invocations.bill(observation.job.uid, decision.status.targets)
        await self.report(observation.job, decision)
        if render.is_gone:
            return None
        job = replace(observation.job, status=decision.status)
        rest = self._invocations.carry_out(job, decision, observation.targets, self._config)
        if render.rejected_starts.moved([start for start in decision.starts if start not in rest.starts]):
            self._queue.add(job.uid)
        failed = await self._stop_all(render, job, rest.stops)
        if not render.is_gone:
            await self._create_jobs(render, job, rest.starts, observation)
        return failed

    async def report(self, job: ObservedJob | InvalidJob, decision: Decision) -> None:
        """Writes the status, before anything is done that follows from it: a stale look ends here, at a 409.

        Progress, from which nothing follows, waits for its turn, and what is announced with it.

        Raises:
            ApiError: it was not written.
        """
        if decision.status != job.status:
            if not is_urgent(job.status, decision.status):
                wait = self._rate_limit.wait(job.uid, asyncio.get_running_loop().time())
                if wait > 0:
                    self._queue.add(job.uid, wait)
                    return
            self._rate_limit.done(job.uid)
            await self._write(job, decision)
        for announcement in decision.events:
            self._events.say(job, announcement)

    async def is_free(self, job: ObservedJob, conflict: NameConflict) -> bool:
        """Whether a name that another owner had is free by now, or ours.

        Raises:
            ApiError: the API server did not say.
        """
        return await self._actions.is_free(job, conflict)

    def forget(self, uid: str) -> None:
        """A RenderJob is gone."""
        self._rate_limit.done(uid)

    async def run(self) -> None:
        """Writes Events until it is cancelled."""
        await self._events.run()

    async def _write(self, job: ObservedJob | InvalidJob, decision: Decision) -> None:
        try:
            self._on_render_job(await self._actions.write_status(job, decision.status, job.resource_version))
        except ApiError as error:
            if error.status == 404 or error.reason == "Conflict":
                await self._read_again(job)
            raise
        if decision.status.completionTime is not None and job.status.completionTime is None:
            metrics.ENDED.labels(decision.status.phase).inc()
            log.info("ended", **about(job), phase=decision.status.phase)

    async def _read_again(self, job: ObservedJob | InvalidJob) -> None:
        """A status was refused because the RenderJob is not what it was. No event may ever tell, so it is read."""
        found = await self._actions.find(job)
        if found is None:
            self._on_gone(job.uid)
        else:
            self._on_render_job(found)

    async def _stop_all(self, render: Render, job: ObservedJob, stops: Sequence[StopAttempt]) -> ApiError | None:
        """A stop that fails keeps nothing else from being done. Returns why the first one did."""
        failed: list[tuple[StopAttempt, ApiError]] = []
        for stop in stops:
            try:
                await self._actions.stop(job, stop)
            except ApiError as error:
                failed.append((stop, error))
        undeletable = {stop.name: one_line(error.message, MAX_SAID) for stop, error in failed if is_rejection(error)}
        if undeletable.keys() != render.undeletable.keys():
            log.info("which stops are rejected has changed", **about(job), rejected=undeletable)
            self._queue.add(job.uid)
        render.undeletable = undeletable
        return failed[0][1] if failed else None

    async def _create_jobs(
        self, render: Render, job: ObservedJob, starts: Sequence[StartAttempt], observation: Observation
    ) -> None:
        """A few at a time. A rejected start keeps no other from being tried; a whole batch of them does.

        Only so many are made before the RenderJob is looked at again: what became of the first does not wait for the
        last.
        """
        for first in range(0, min(len(starts), STARTS_A_PASS), TOGETHER):
            batch = starts[first : first + TOGETHER]
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
                render.rejected_starts.add(starts[first + TOGETHER :], rejections[-1], self._client.now)
                render.rejected_starts.all_rejected = True
                return
        if len(starts) > STARTS_A_PASS:
            render.reconciled_at = None
            self._queue.add(job.uid)

    def _note(self, render: Render, job: ObservedJob, start: StartAttempt, outcome: BaseException | None) -> None:
        """Keeps in mind what is rejected, and what no longer is; the next observation has it."""
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
        """A name that is taken keeps nothing else from starting; the next observation has it."""
        try:
            async with self._starters:
                await self._actions.start(job, start, observation.targets[start.target], self._config)
        except NameTaken as error:
            log.warning("a name is taken", **about(job), name=str(error))
            conflict = NameConflict(error.kind, error.name, start.work, start.number)
            render.name_conflicts.add(conflict, asyncio.get_running_loop().time())
            self._queue.add(job.uid)
