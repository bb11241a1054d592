"""The control loop: it observes a RenderJob that is due, decides, and has the executor carry out the decision."""

import asyncio
import math
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from helios_operator import metrics
from helios_operator.control.actions import about
from helios_operator.control.capacity import Capacity
from helios_operator.control.executor import Executor
from helios_operator.control.other_operators import CHECK_INTERVAL as OTHERS_INTERVAL
from helios_operator.control.other_operators import OtherOperators
from helios_operator.control.render_targets import RenderTargets
from helios_operator.decide.invalid_spec import reject_spec
from helios_operator.decide.reconcile import reconcile
from helios_operator.kube.client import ApiError, Client
from helios_operator.kube.work_queue import WorkQueue
from helios_operator.model.config import Config
from helios_operator.model.observation import InvalidJob, Observation, ObservedJob
from helios_operator.observed.children import Children
from helios_operator.observed.name_conflicts import CHECK_INTERVAL
from helios_operator.observed.renders import Render, Renders
from helios_operator.offload.connections import Connections
from helios_operator.offload.invocations import Invocations

log = structlog.stdlib.get_logger(__name__)
Object = dict[str, Any]
WORKERS = 8
AFTER_ERROR = 5.0


def reconcile_interval(chunks: int) -> float:
    """Seconds between two reconciles of one RenderJob: 1 to 5, growing with its number of chunks."""
    return 1 + 4 * min(chunks, 10_000) / 10_000


class Controller:
    """Takes events in and reconciles RenderJobs. `children` must be filled before `run` is called."""

    def __init__(self, client: Client, config: Config, connections: Connections | None = None) -> None:
        self.queue = WorkQueue()
        self.children = Children(on_free=lambda target: self._capacity.free([target]))
        self._client = client
        self._config = config
        self._others = OtherOperators(client, config.operator)
        self._invocations = Invocations(
            connections or Connections(), partial(getattr, client, "now"), self.queue.add, self._on_capacity
        )
        self._targets = RenderTargets(client, self._invocations.resting, config.built_in)
        self._renders = Renders(config, self.queue.add, self._targets.usable)
        self._capacity = Capacity(self._targets, self.children, self.queue.add)
        self._executor = Executor(
            client, config, self.children, self._invocations, self.queue, self.put_render_job, self.drop_render_job
        )

    def put_render_job(self, body: Object) -> None:
        """Adds or updates a RenderJob. A version that is known already, or older, is ignored."""
        render = self._renders.put(body)
        if render is not None:
            job = render.job
            self._invocations.confirm(job.uid, job.status.targets)
            self._capacity.demand(job, render.demand)
            self.queue.add(job.uid)

    def drop_render_job(self, uid: str) -> None:
        """Drops a deleted RenderJob and frees its slots. The garbage collector deletes its children."""
        self._renders.drop(uid)
        self._executor.forget(uid)
        self._others.forget(uid)
        self._invocations.forget(uid)
        self._capacity.drop(uid)

    def keep_render_jobs(self, uids: Collection[str], at: int) -> None:
        """Drops RenderJobs that a complete list lacks, unless they are newer. at: the list's resourceVersion."""
        for uid in self._renders.missing_from(set(uids), at):
            self.drop_render_job(uid)

    def put_target(self, body: Object) -> None:
        """Adds or updates a RenderTarget, and reconciles every RenderJob if its spec changed."""
        if self._targets.put(body):
            self._invocations.forget_target(body["metadata"]["name"])
            self._queue_all()

    def drop_target(self, name: str, uid: str) -> None:
        """Drops a deleted RenderTarget."""
        if self._targets.drop(name, uid):
            self._invocations.forget_target(name)
            self._queue_all()

    def keep_targets(self, uids: Collection[str], at: int) -> None:
        """Drops RenderTargets that a complete list lacks, as for RenderJobs."""
        if self._targets.keep(uids, at):
            self._queue_all()

    def render_jobs(self) -> list[ObservedJob | InvalidJob]:
        """Every known RenderJob; may be called from any thread."""
        return self._renders.jobs()

    async def run(self) -> None:
        """Reconciles until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(self._work())
            group.create_task(self._capacity.run())
            group.create_task(self._targets.run())
            group.create_task(self._executor.run())
            group.create_task(self._at_the_end())

    async def _at_the_end(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await self._invocations.close()

    async def _work(self) -> None:
        while True:
            uid = await self.queue.take()
            try:
                with metrics.RECONCILE_DURATION.time():
                    await self._reconcile(uid)
            except ApiError as error:
                metrics.API_ERRORS.labels(error.status or error.reason).inc()
                log.info("a reconcile is repeated", uid=uid, error=str(error))
                self.queue.add(uid, 1.0 if error.status == 409 else max(AFTER_ERROR, error.retry_after))
            except Exception:
                log.exception("a reconcile failed", uid=uid)
                self.queue.add(uid, AFTER_ERROR)
            finally:
                self.queue.done(uid)

    async def _reconcile(self, uid: str) -> None:
        """One reconcile of a RenderJob: observe, decide, carry out.

        Raises:
            ApiError: a read or a write failed; the next reconcile tries again.
        """
        render, now = self._renders.get(uid), asyncio.get_running_loop().time()
        if render is not None and (early := _seconds_early(render, now)) > 0:
            self.queue.add(uid, early)
            return
        requested = self.queue.take_request(uid)
        if render is None:
            return
        render.reconciled_at = now
        job = render.job
        if owner := await self._others.owner(job):
            self._leave(job, owner)
            return
        if isinstance(job, InvalidJob):
            await self._executor.report(job, reject_spec(job, self._client.now))
            return
        await render.name_conflicts.check(job, now, self._executor.is_free)
        if render.is_gone:
            return
        observation = self._observe(render, job)
        decision = reconcile(observation, self._config)
        render.demand = decision.demand
        wants_more = self._capacity.demand(replace(job, status=decision.status), decision.demand)
        with self._capacity.reserved(decision.starts):
            failed = await self._executor.carry_out(render, observation, decision)
        if job.status.completionTime is not None:
            self._invocations.forget(uid)
        if wants_more:  # the slots of this reconcile were granted by the older, smaller demand
            render.reconciled_at = None
            self.queue.add(uid)
        if requested is not None:
            metrics.QUEUE_LATENCY.observe(asyncio.get_running_loop().time() - requested)
        if decision.requeue_after is not None and not render.is_gone:
            self.queue.add(uid, min(decision.requeue_after, CHECK_INTERVAL if observation.name_conflicts else math.inf))
        if failed is not None:
            raise failed

    def _leave(self, job: ObservedJob | InvalidJob, owner: str) -> None:
        """Leaves a RenderJob to another operator, for as long as that one is there."""
        if (announcement := self._others.announcement(job, owner)) is not None:
            log.warning("another operator looks after a RenderJob", **about(job), operator=owner)
            self._executor.announce(job, announcement)
        self._capacity.drop(job.uid)
        self.queue.add(job.uid, OTHERS_INTERVAL)

    def _observe(self, render: Render, job: ObservedJob) -> Observation:
        """The observation of a RenderJob, gathered once."""
        targets, jobs = self._targets.usable(), self.children.attempts(job.uid, job.namespace)
        invoked = self._invocations.observe(job.uid, self._capacity.limits(job, targets))
        capacity = self._capacity.of(job, targets, jobs, invoked)
        owner = self._renders.output_owner(job.uid)
        return render.observe(job, jobs, invoked, targets, capacity, self._client.now, self._config, owner)

    def _queue_all(self) -> None:
        for uid in self._renders:
            self.queue.add(uid)

    def _on_capacity(self, target: str) -> None:
        """Called when a target outside of the cluster may take more chunks, or starts or stops resting."""
        self._capacity.free([target])
        self._targets.resting_changed(target)


def _seconds_early(render: Render, now: float) -> float:
    """How long a RenderJob has to wait for its next reconcile; 0 or less: not at all."""
    if render.reconciled_at is None:
        return 0.0
    return render.reconciled_at + reconcile_interval(len(render.job.status.chunkMap)) - now
