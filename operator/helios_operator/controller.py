"""The loop: a RenderJob is due, what is known of it goes through reconcile, what follows is carried out."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog
from pydantic import ValidationError

from helios_crds.rendertarget import RenderTargetSpec
from helios_operator import metrics, observe
from helios_operator.actions import Actions, NameTaken, about, taken
from helios_operator.cache import Children, version
from helios_operator.cluster import ApiError, Cluster
from helios_operator.config import Config, built_in_targets
from helios_operator.policies.fair_share import Demand, shares
from helios_operator.policies.placement import DEFAULT_USES
from helios_operator.reconcile import reconcile
from helios_operator.state import Decision, ObservedJob, StartAttempt, StopAttempt
from helios_operator.work_queue import WorkQueue

log = structlog.stdlib.get_logger(__name__)
Object = dict[str, Any]
WORKERS = 8
AFTER_ERROR = 5.0
AFTER_NAME_TAKEN = 30.0


def write_interval(chunks: int) -> float:
    """Seconds between two passes over one RenderJob, so that its status is written 1 to 5 s apart, by its size."""
    return 1 + 4 * min(chunks, 10_000) / 10_000


class Controller:
    """Everything between the events and the API server. `children` is filled before `run` is called."""

    def __init__(self, cluster: Cluster, config: Config) -> None:
        self.children = Children()
        self.queue = WorkQueue()
        self._cluster = cluster
        self._config = config
        self._actions = Actions(cluster, self.children)
        self._render_jobs: dict[str, Object] = {}
        self._targets: dict[str, RenderTargetSpec] = {}
        self._last_pass: dict[str, float] = {}

    def put_render_job(self, body: Object) -> None:
        """A RenderJob is new or has changed. Our own write may be known already; older news is dropped."""
        uid = body["metadata"]["uid"]
        known = self._render_jobs.get(uid)
        if known is None or version(known) < version(body):
            self._render_jobs[uid] = body
            self.queue.add(uid)

    def drop_render_job(self, uid: str) -> None:
        """A RenderJob is gone; the garbage collector removes its children. Its places go to others."""
        self._render_jobs.pop(uid, None)
        self._last_pass.pop(uid, None)

    def put_target(self, name: str, spec: Mapping[str, Any] | None) -> None:
        """A RenderTarget has changed, or is gone (None); whoever waits for it is looked at."""
        self._targets.pop(name, None)
        if spec is not None:
            try:
                self._targets[name] = RenderTargetSpec.model_validate(spec)
            except ValidationError as error:
                log.warning("this RenderTarget cannot be used", target=name, error=str(error))
        for uid in self._render_jobs:
            self.queue.add(uid)

    def render_jobs(self) -> list[Object]:
        """Every RenderJob as it is known; may be called from any thread."""
        return list(self._render_jobs.values())

    async def run(self) -> None:
        """Works until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            uid = await self.queue.take()
            try:
                with metrics.PASSES.time():
                    await self._pass(uid)
            except ApiError as error:
                metrics.API_ERRORS.labels(error.status or error.reason).inc()
                log.info("will look again", uid=uid, error=str(error))
                self.queue.add(uid, 1.0 if error.status == 409 else AFTER_ERROR)
            except Exception:
                log.exception("a pass failed", uid=uid)
                self.queue.add(uid, AFTER_ERROR)
            finally:
                self.queue.done(uid)

    async def _pass(self, uid: str) -> None:
        body = self._render_jobs.get(uid)
        if body is None:
            return
        try:
            job = observe.render_job(body)
        except ValidationError as error:
            log.warning("this RenderJob does not follow the schema", uid=uid, error=str(error))
            return
        now, last = asyncio.get_running_loop().time(), self._last_pass.get(uid)
        early = 0.0 if last is None else last + write_interval(len(job.status.chunkMap)) - now
        if early > 0:
            self.queue.add(uid, early)
            return
        self._last_pass[uid] = now
        config = self._config_for(job)
        decision = reconcile(job, self.children.attempts(uid), (), self._cluster.now, config)
        await self._carry_out(job, body["metadata"]["resourceVersion"], decision, config)
        if decision.requeue_after is not None:
            self.queue.add(uid, decision.requeue_after)

    async def _carry_out(self, job: ObservedJob, resource_version: str, decision: Decision, config: Config) -> None:
        """The status is written before anything that it announces is done: a stale look ends here, at a 409."""
        if decision.status != job.status:
            self.put_render_job(await self._actions.write_status(job, decision.status, resource_version))
            if decision.status.completionTime is not None and job.status.completionTime is None:
                metrics.ENDED.labels(decision.status.phase).inc()
                log.info("ended", **about(job), phase=decision.status.phase)
            job = replace(job, status=decision.status)
        for said in decision.events:
            if said.kind == "Warning":
                metrics.WARNINGS.labels(said.reason).inc()
            await self._actions.announce(job, said)
        for action in decision.actions:
            match action:
                case StartAttempt():
                    await self._start(job, action, config)
                case StopAttempt():
                    await self._actions.stop(job, action)

    async def _start(self, job: ObservedJob, start: StartAttempt, config: Config) -> None:
        try:
            await self._actions.start(job, start, config)
        except NameTaken as error:
            await self._actions.announce(job, taken(error))
            self._last_pass[job.uid] = asyncio.get_running_loop().time() + AFTER_NAME_TAKEN

    def _config_for(self, job: ObservedJob) -> Config:
        targets = {**built_in_targets(), **self._targets}
        uses = job.spec.execution.targets or DEFAULT_USES
        grants = {use.name: self._share(job.uid, use.name, targets[use.name]) for use in uses if use.name in targets}
        return replace(self._config, targets=targets, grants=grants)

    def _share(self, uid: str, name: str, target: RenderTargetSpec) -> int:
        demands = [demand for body in self._render_jobs.values() if (demand := _demand(body, name)) is not None]
        return shares(demands, target.maxConcurrent).get(uid, 0)


def _demand(body: Object, target: str) -> Demand | None:
    """What a RenderJob could use of a target, read without checking all of it: there may be thousands."""
    spec, status = body.get("spec") or {}, body.get("status") or {}
    execution = spec.get("execution") or {}
    names = [use.get("name") for use in execution.get("targets") or ()] or [DEFAULT_USES[0].name]
    if target not in names or status.get("completionTime") or spec.get("suspend"):
        return None
    counts = status.get("chunks") or {}
    remaining = counts.get("total", 0) - counts.get("done", 0)
    wanted = max(0, min(remaining, execution.get("parallelism", 16))) or 1
    return Demand(body["metadata"]["uid"], execution.get("priority", 0), wanted)
