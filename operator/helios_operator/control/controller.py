"""The loop: a RenderJob is due, what is known of it goes through reconcile, what follows is carried out."""

import asyncio
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import structlog

from helios_crds.text import one_line
from helios_crds.wire import Stage
from helios_operator import metrics
from helios_operator.control.actions import Actions, NameTaken, about
from helios_operator.control.capacity import Capacity, demands
from helios_operator.control.event_recorder import EventRecorder
from helios_operator.control.render_targets import Targets
from helios_operator.control.status_rate_limit import StatusRateLimit
from helios_operator.decide.invalid_spec import refuse
from helios_operator.decide.policies.blockers import MAX_SAID
from helios_operator.decide.policies.eligibility import is_offload
from helios_operator.decide.policies.status_urgency import is_urgent
from helios_operator.decide.reconcile import reconcile
from helios_operator.kube.client import ApiError, Client
from helios_operator.kube.tombstones import Tombstones
from helios_operator.kube.work_queue import WorkQueue
from helios_operator.model.config import DEFAULT_USES, Config
from helios_operator.model.state import (
    Attempt,
    Decision,
    InvalidJob,
    JobRef,
    NameConflict,
    ObservedJob,
    StartAttempt,
    StopAttempt,
)
from helios_operator.observed import parse
from helios_operator.observed.children import Children, holds_place, version
from helios_operator.observed.name_conflicts import LOOK_AGAIN, NameConflicts
from helios_operator.observed.rejected_starts import RejectedStarts, is_refusal
from helios_operator.offload.connections import Connections
from helios_operator.offload.invocations import Invocations
from helios_operator.offload.order import order

log = structlog.stdlib.get_logger(__name__)
Object = dict[str, Any]
WORKERS = 8
# Jobs that are created at once: by all passes, and by one; and how many before a pass looks again.
STARTERS, TOGETHER, STARTS_A_PASS = 16, 8, 64
AFTER_ERROR = 5.0
GATHERING = 1.0


def write_interval(chunks: int) -> float:
    """Seconds between two passes over one RenderJob, so that its status is written 1 to 5 s apart, by its size."""
    return 1 + 4 * min(chunks, 10_000) / 10_000


@dataclass(frozen=True)
class _Known:
    """A RenderJob as last heard of. version: its resourceVersion as a number."""

    resource_version: str
    version: int
    job: ObservedJob | InvalidJob


class Controller:
    """Everything between the events and the API server. `children` is filled before `run` is called."""

    def __init__(self, client: Client, config: Config, connections: Connections | None = None) -> None:
        self.children = Children(on_room=lambda target: self._free([target]))
        self.queue = WorkQueue()
        self._client = client
        self._config = config
        self._actions = Actions(client, self.children)
        self._events = EventRecorder(client)
        self._taken = NameConflicts(self._actions.is_free)
        self._refused = RejectedStarts()
        self._unstopped: dict[str, tuple[tuple[str, str], ...]] = {}
        self._places = Capacity()
        self._wants: dict[str, tuple[Mapping[str, int], int]] = {}
        self._freed = WorkQueue()
        self._render_jobs: dict[str, _Known] = {}
        self._departed = Tombstones()
        self._invocations = Invocations(connections or Connections(), lambda: client.now, self.queue.add, self._gained)
        self._targets = Targets(client, self._invocations.resting)
        self._last_pass: dict[str, float] = {}
        self._turns = StatusRateLimit()
        self._starting: Counter[str] = Counter()
        self._starters = asyncio.Semaphore(STARTERS)

    def put_render_job(self, body: Object) -> None:
        """A RenderJob is new or has changed. Our own write may be known already; older news is dropped."""
        uid = body["metadata"]["uid"]
        if uid in self._departed:
            return
        known = self._render_jobs.get(uid)
        if known is None or known.version < version(body):
            job = parse.render_job(body)
            self._render_jobs[uid] = _Known(body["metadata"]["resourceVersion"], version(body), job)
            self._invocations.confirm(uid, job.status.targets)
            self._free(self._places.put(uid, demands(job, *self._wants.get(uid, ({}, 0)))))
            self.queue.add(uid)

    def drop_render_job(self, uid: str) -> None:
        """A RenderJob is gone; the garbage collector removes its children. Its places go to others."""
        self._departed.add(uid)
        self._render_jobs.pop(uid, None)
        self._last_pass.pop(uid, None)
        self._taken.forget(uid)
        self._wants.pop(uid, None)
        self._turns.done(uid)
        self._refused.forget(uid)
        self._unstopped.pop(uid, None)
        self._invocations.forget(uid)
        self._free(self._places.put(uid, {}))

    def keep_render_jobs(self, uids: Collection[str], at: int) -> None:
        """Drops what a list of all RenderJobs lacks, made at a resourceVersion, unless it is newer than the list."""
        known = [uid for uid, found in self._render_jobs.items() if found.version <= at]
        for uid in set(known) - set(uids):
            self.drop_render_job(uid)

    def put_target(self, body: Object) -> None:
        """A RenderTarget is new or has changed; whoever waits for it is looked at."""
        if self._targets.put(body):
            self._invocations.forget_target(body["metadata"]["name"])
            self._look_at_all()

    def drop_target(self, name: str, uid: str) -> None:
        """A RenderTarget is gone."""
        if self._targets.drop(name, uid):
            self._invocations.forget_target(name)
            self._look_at_all()

    def keep_targets(self, uids: Collection[str], at: int) -> None:
        """Drops what a list of all RenderTargets lacks, as for RenderJobs."""
        if self._targets.keep(uids, at):
            self._look_at_all()

    def _look_at_all(self) -> None:
        for uid in self._render_jobs:
            self.queue.add(uid)

    def render_jobs(self) -> list[ObservedJob | InvalidJob]:
        """Every RenderJob as it is known; may be called from any thread."""
        return [known.job for known in list(self._render_jobs.values())]

    async def run(self) -> None:
        """Works until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(self._work())
            group.create_task(self._wake())
            group.create_task(self._targets.run())
            group.create_task(self._events.run())
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
                with metrics.PASSES.time():
                    await self._pass(uid)
            except ApiError as error:
                metrics.API_ERRORS.labels(error.status or error.reason).inc()
                log.info("will look again", uid=uid, error=str(error))
                self.queue.add(uid, 1.0 if error.status == 409 else max(AFTER_ERROR, error.retry_after))
            except Exception:
                log.exception("a pass failed", uid=uid)
                self.queue.add(uid, AFTER_ERROR)
            finally:
                self.queue.done(uid)

    async def _pass(self, uid: str) -> None:
        known = self._render_jobs.get(uid)
        if known is None:
            self.queue.answer(uid)
            return
        job = known.job
        now, last = asyncio.get_running_loop().time(), self._last_pass.get(uid)
        early = 0.0 if last is None else last + write_interval(len(job.status.chunkMap)) - now
        if early > 0:
            self.queue.add(uid, early)
            return
        self._last_pass[uid] = now
        asked = self.queue.answer(uid)
        if isinstance(job, InvalidJob):
            await self._tell(job, known.resource_version, refuse(job, self._client.now))
            return
        taken = await self._taken.look(job, now)
        job = replace(
            job,
            taken=taken,
            refused=self._refused.of(uid),
            at_limit=self._refused.is_at_limit(uid),
            unstopped=self._unstopped.get(uid, ()),
        )
        if uid in self._departed:
            return
        attempts, invocations = self.children.attempts(uid, job.namespace), self._invocations.attempts(uid)
        config = self._config_for(job, [*attempts, *invocations])
        decision = reconcile(job, attempts, invocations, self._client.now, config)
        self._wants[uid] = decision.reach, decision.extra
        wanted = demands(replace(job, status=decision.status), *self._wants[uid])
        wants_more = self._places.grows(uid, wanted)
        self._free(self._places.put(uid, wanted))
        self._invocations.bill(uid, decision.status.targets)
        with self._places_taken(decision):
            await self._tell(job, known.resource_version, decision)
            if uid in self._departed:
                return
            failed = await self._act(replace(job, status=decision.status), decision, config)
        if job.status.completionTime is not None:
            self._invocations.forget(uid)
            self._wants.pop(uid, None)
        if wants_more:  # its chunks were given places by what was known before, of its plan, or of what hindered it
            self._last_pass.pop(uid, None)
            self.queue.add(uid)
        if asked is not None:
            metrics.REACTIONS.observe(asyncio.get_running_loop().time() - asked)
        if decision.requeue_after is not None:
            self.queue.add(uid, min(decision.requeue_after, LOOK_AGAIN if job.taken else math.inf))
        if failed is not None:
            raise failed

    async def _tell(self, job: ObservedJob | InvalidJob, resource_version: str, decision: Decision) -> None:
        """The status is written before anything that follows from it is done: a stale look ends here, at a 409.

        Progress, from which nothing follows, waits for its turn, and what is announced with it.
        """
        if decision.status != job.status:
            if not is_urgent(job.status, decision.status):
                wait = self._turns.wait(job.uid, asyncio.get_running_loop().time())
                if wait > 0:
                    self.queue.add(job.uid, wait)
                    return
            self._turns.done(job.uid)
            try:
                self.put_render_job(await self._actions.write_status(job, decision.status, resource_version))
            except ApiError as error:
                if error.status == 404 or error.reason == "Conflict":
                    await self._look_afresh(job)
                raise
            if decision.status.completionTime is not None and job.status.completionTime is None:
                metrics.ENDED.labels(decision.status.phase).inc()
                log.info("ended", **about(job), phase=decision.status.phase)
        for said in decision.events:
            self._events.say(job, said)

    async def _look_afresh(self, job: JobRef) -> None:
        """A status was refused because the RenderJob is not what it was: no event may ever tell, so it is read."""
        found = await self._actions.find(job)
        if found is None:
            self.drop_render_job(job.uid)
        else:
            self.put_render_job(found)

    async def _act(self, job: ObservedJob, decision: Decision, config: Config) -> ApiError | None:
        """Stops and starts. Returns why a stop failed; nothing else waits for that."""
        failed = await self._stop_all(job, [each for each in decision.actions if isinstance(each, StopAttempt)])
        if job.uid in self._departed:
            return None
        starts = [each for each in decision.actions if isinstance(each, StartAttempt)]
        for start in starts:
            if is_offload(config.targets[start.target]):
                if self._refused.elsewhere(job.uid, start):
                    self.queue.add(job.uid)
                self._invocations.start(job, start, order(job, start, config))
        await self._start_all(job, [each for each in starts if not is_offload(config.targets[each.target])], config)
        return failed

    async def _stop_all(self, job: ObservedJob, stops: list[StopAttempt]) -> ApiError | None:
        """A stop that fails keeps nothing else from being done. Returns why the first one did."""
        failed: list[tuple[StopAttempt, ApiError]] = []
        for stop in [stop for stop in stops if not self._invocations.stop(job.uid, stop.uid)]:
            try:
                await self._actions.stop(job, stop)
            except ApiError as error:
                failed.append((stop, error))
        refused = {stop.name: one_line(error.message, MAX_SAID) for stop, error in failed if is_refusal(error)}
        if refused.keys() != dict(self._unstopped.pop(job.uid, ())).keys():
            log.info("which stops are refused has changed", **about(job), refused=refused)
            self.queue.add(job.uid)
        if refused:
            self._unstopped[job.uid] = tuple(refused.items())
        return failed[0][1] if failed else None

    async def _start_all(self, job: ObservedJob, starts: list[StartAttempt], config: Config) -> None:
        """A few at a time. A start that is refused keeps no other from being tried, a few that all are do.

        A pass ends after some starts, so that what the first ones came to is not looked at after the last.
        """
        for first in range(0, min(len(starts), STARTS_A_PASS), TOGETHER):
            batch = starts[first : first + TOGETHER]
            outcomes = await asyncio.gather(
                *(self._start(job, start, config) for start in batch), return_exceptions=True
            )
            refused = [outcome for outcome in outcomes if is_refusal(outcome)]
            for start, outcome in zip(batch, outcomes, strict=True):
                self._note(job, start, outcome)
            for outcome in outcomes:
                if outcome is not None and not is_refusal(outcome):
                    raise outcome
            if len(refused) == len(batch):
                self._refused.add(job.uid, starts[first + TOGETHER :], refused[-1], self._client.now)
                self._refused.stop_at(job.uid)
                return
        if len(starts) > STARTS_A_PASS:
            self._last_pass.pop(job.uid, None)
            self.queue.add(job.uid)

    def _note(self, job: ObservedJob, start: StartAttempt, outcome: BaseException | None) -> None:
        """Keeps what is refused, and what is not any more; the next pass tells."""
        if is_refusal(outcome):
            log.warning("a start is refused", **about(job), work=str(start.work), error=str(outcome))
            metrics.API_ERRORS.labels(outcome.status).inc()
            self._refused.add(job.uid, [start], outcome, self._client.now)
            self.queue.add(job.uid)
        elif outcome is None and self._refused.succeeded(job.uid, start):
            self.queue.add(job.uid)

    async def _start(self, job: ObservedJob, start: StartAttempt, config: Config) -> None:
        """A name that is taken keeps nothing else from starting; the next pass tells of it."""
        try:
            async with self._starters:
                await self._actions.start(job, start, config)
        except NameTaken as error:
            log.warning("a name is taken", **about(job), name=str(error))
            taken = NameConflict(error.kind, error.name, start.work, start.number)
            self._taken.add(job.uid, taken, asyncio.get_running_loop().time())
            self.queue.add(job.uid)

    def _config_for(self, job: ObservedJob, attempts: Iterable[Attempt]) -> Config:
        targets = self._targets.usable()
        held = Counter(attempt.target for attempt in attempts if holds_place(attempt))
        grants, free = {}, {}
        for use in job.spec.execution.targets or DEFAULT_USES:
            name, target = use.name, targets.get(use.name)
            if target is not None:
                most = target.maxConcurrent
                free[name] = max(0, most - self.children.held(name) - self._starting[name])
                if is_offload(target):
                    at_most = most - self._invocations.active(name) - self._starting[name]
                    free[name] = self._invocations.room(name, job.uid, max(0, at_most))
                grants[name] = self._places.give(job.uid, name, most, held[name] + free[name])
        notes, calls = self._invocations.resting(job.uid), self._invocations.calls(job.uid)
        return replace(self._config, targets=targets, grants=grants, free=free, notes=notes, calls=calls)

    @contextmanager
    def _places_taken(self, decision: Decision) -> Iterator[None]:
        """Keeps others from the places of chunks that are about to be started; the Jobs hold them afterwards."""
        starts = [action for action in decision.actions if isinstance(action, StartAttempt)]
        taken = Counter(start.target for start in starts if start.work.stage is Stage.CHUNK)
        self._starting.update(taken)
        try:
            yield
        finally:
            self._starting.subtract(taken)
            self._free(taken)

    def _gained(self, name: str) -> None:
        """A target outside of the cluster may take more, or rests no more."""
        self._free([name])
        self._targets.look_at(name)

    def _free(self, names: Iterable[str]) -> None:
        for name in names:
            self._freed.add(name, GATHERING)

    async def _wake(self) -> None:
        """Looks at those for whom a target has more places than they were given; time alone would take a minute."""
        while True:
            name = await self._freed.take()
            target = self._targets.usable().get(name)
            for uid in self._places.gainers(name, target.maxConcurrent) if target else ():
                self.queue.add(uid)
            self._freed.done(name)
