"""Invocations of targets outside of the cluster: calls under way, and their attempts for reconcile.

They are kept in memory only. An operator that restarts repeats the invocations that its predecessor was waiting for;
chunks that were finished meanwhile are in the store. Only targets that name their executions can resume an attempt.

Long, because all that is known of a call under way is here alone.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any

import structlog

from helios_adapters import Call, CloudAdapter, OutOfMemory, TargetError, TimedOut, Unusable
from helios_crds.renderjob_status import TargetStatus
from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.wire import ExitCode, Reply, Stage
from helios_operator import metrics
from helios_operator.decide.policies.budget import invocation_cost
from helios_operator.decide.policies.call_outcomes import overdue, replied, stopped
from helios_operator.decide.policies.failure_causes import TOO_LONG
from helios_operator.model.config import Config
from helios_operator.model.decision import Decision, StartAttempt
from helios_operator.model.invoked import Invoked
from helios_operator.model.observation import ObservedJob, Places
from helios_operator.model.state import Attempt, AttemptPhase
from helios_operator.offload.billing import Bills
from helios_operator.offload.connections import Connections
from helios_operator.offload.order import Order, order
from helios_operator.offload.target_health import timed_health

log = structlog.stdlib.get_logger(__name__)
# After these errors the target may have changed, or be changed as the message says: it is connected again.
RECONNECT_AFTER = (Unusable, TimedOut, OutOfMemory)


@dataclass(eq=False)
class _Invocation:
    """attempt: for reconcile. adapter: set once connected. memory: GiB of the worker, set once connected.

    made_plan: whether its target made the render's plan, or may have (a plan of an older operator).
    """

    owner: str
    attempt: Attempt
    made_plan: bool = False
    adapter: CloudAdapter[Any] | None = None
    memory: float = 0.0
    task: asyncio.Task[None] | None = None

    @property
    def call(self) -> Call:
        return Call(self.attempt.target, self.owner, str(self.attempt.work))

    @property
    def key(self) -> str:
        """The key by which the attempt is resumed and cancelled; a restarted operator uses the same key."""
        return f"{self.owner}/{self.attempt.name}"


class Invocations:
    """Invocations by RenderJob.

    now: by the API server's clock. on_finished: called with the UID of a RenderJob whose attempt has ended.
    on_capacity: called with the name of a target that may take more chunks, or starts or stops resting.
    """

    def __init__(
        self,
        connections: Connections,
        now: Callable[[], datetime],
        on_finished: Callable[[str], None],
        on_capacity: Callable[[str], None],
    ) -> None:
        self._connections = connections
        self._now = now
        self._on_finished = on_finished
        self._on_capacity = on_capacity
        self._health = timed_health(now, on_capacity)
        self._of: defaultdict[str, dict[str, _Invocation]] = defaultdict(dict)
        self._active: Counter[str] = Counter()
        self._active_for: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._bills = Bills()
        self._resumed: defaultdict[str, set[str]] = defaultdict(set)
        self._serial = count(1)
        self._born: datetime | None = None

    # --- observation ----------------------------------------------------------------------------------------------

    def observe(self, owner: str, limits: Mapping[str, int]) -> Invoked:
        """A RenderJob's attempts and calls, and how many more chunks targets would take of it now.

        limits: concurrent chunks of all RenderJobs on each target.
        """
        calls = self._active_for.get(owner, Counter[str]())
        free = {
            target: self._health.capacity(
                target, owner, max(0, limit - self._active[target]), self._active[target], calls[target]
            )
            for target, limit in limits.items()
        }
        attempts = tuple(invocation.attempt for invocation in self._of.get(owner, {}).values())
        return Invoked(attempts, calls.total(), free, self._health.resting(owner))

    def resting(self) -> Mapping[str, str]:
        """Why targets rest for all RenderJobs, by name."""
        return self._health.resting()

    # --- starts and stops -----------------------------------------------------------------------------------------

    def carry_out(
        self,
        job: ObservedJob,
        decision: Decision,
        targets: Mapping[str, RenderTargetSpec],
        places: Places,
        config: Config,
    ) -> Decision:
        """Makes the stops and starts outside of the cluster. Returns the decision with the rest of them.

        job: with the status that was written.
        """
        stops = tuple(stop for stop in decision.stops if not self.stop(job.uid, stop.uid))
        starts = []
        for start in decision.starts:
            target = targets[start.target]
            if target.is_offload:
                self.start(job, start, order(job, start, target, places, config))
            else:
                starts.append(start)
        return replace(decision, stops=stops, starts=tuple(starts))

    def start(self, job: ObservedJob, start: StartAttempt, order: Order) -> None:
        """Starts an attempt, unless it exists already."""
        known = self._of[job.uid]
        if any((each.attempt.work, each.attempt.number) == (start.work, start.number) for each in known.values()):
            return
        now, name = self._now(), f"{start.work.stage}-{start.work.chunk}-a{start.number}"
        self._born = self._born or now
        uid = f"{job.uid}/{name}/{next(self._serial)}"
        attempt = Attempt(
            name,
            uid,
            start.work,
            start.number,
            start.target,
            AttemptPhase.RUNNING,
            created=now,
            started=now,
            plan=job.status.plan.jobId if job.status.plan is not None and start.work.stage is not Stage.PLAN else "",
        )
        made_plan = job.status.plan is not None and job.status.plan.target in ("", start.target)
        invocation = known[uid] = _Invocation(job.uid, attempt, made_plan=made_plan)
        self._count(invocation, 1)
        metrics.STARTED.labels(start.work.stage, start.target).inc()
        log.info("invoked", render_job=f"{job.namespace}/{job.name}", work=str(start.work), target=start.target)
        is_older = job.status.startTime is not None and job.status.startTime < self._born
        invocation.task = asyncio.create_task(self._run(invocation, order, is_older=is_older))

    def stop(self, owner: str, uid: str) -> bool:
        """Stops an attempt. Returns whether it was an invocation.

        If the target cannot cancel its work, that holds a slot until it ends.
        """
        invocation = self._of.get(owner, {}).get(uid)
        if invocation is None:
            return False
        if invocation.attempt.is_active:
            invocation.attempt = stopped(invocation.attempt, self._now())
            metrics.STOPPED.inc()
            self._cancel(invocation)
        return True

    def forget(self, owner: str) -> None:
        """Stops and forgets the invocations of a RenderJob that is gone or has ended."""
        for uid in list(self._of.get(owner, ())):
            self.stop(owner, uid)
        self._of.pop(owner, None)
        self._resumed.pop(owner, None)
        self._bills.forget(owner)
        self._health.forget_owner(owner)

    def forget_target(self, name: str) -> None:
        """Forgets health and connection of a target whose spec has changed."""
        self._health.forget_target(name)
        self._connections.forget(name)

    async def close(self) -> None:
        """Ends all waits, not the work. A restarted operator resumes executions that have a key."""
        tasks = [each.task for owned in self._of.values() for each in owned.values() if each.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._connections.close()

    # --- costs ----------------------------------------------------------------------------------------------------

    def bill(self, owner: str, targets: Sequence[TargetStatus]) -> None:
        """Notes that a status with all costs so far is about to be written. targets: that part of it."""
        costs = {uid for uid, each in self._of.get(owner, {}).items() if each.attempt.cost is not None}
        if costs:
            self._bills.add(owner, targets, costs)

    def confirm(self, owner: str, targets: Sequence[TargetStatus]) -> None:
        """Takes the status that the API server has now: the costs in it are not counted again."""
        for uid in self._bills.confirm(owner, targets) & self._of.get(owner, {}).keys():
            invocation = self._of[owner][uid]
            invocation.attempt = replace(invocation.attempt, cost=None)

    # --- one call -------------------------------------------------------------------------------------------------

    async def _run(self, invocation: _Invocation, order: Order, *, is_older: bool) -> None:
        """Makes the call and records its outcome and cost."""
        target, began = invocation.attempt.target, asyncio.get_running_loop().time()
        try:
            answer = await self._answer(invocation, order, is_older=is_older)
            if answer is not None:
                self._end(invocation, answer)
        finally:
            self._count(invocation, -1)
            if invocation.attempt.uid in self._of.get(invocation.owner, ()):
                seconds = asyncio.get_running_loop().time() - began
                cost = invocation_cost(order.spec.price, invocation.memory, seconds)
                invocation.attempt = replace(invocation.attempt, cost=cost)
                metrics.INVOCATION_COST.labels(target).inc(float(cost))
            self._on_finished(invocation.owner)
            self._on_capacity(target)

    async def _answer(self, invocation: _Invocation, order: Order, *, is_older: bool) -> Reply | TargetError | None:
        """The target's answer, perhaps after the attempt's time limit; None if the call was not made."""
        call = asyncio.ensure_future(self._call(invocation, order, is_older=is_older))
        try:
            if not (await asyncio.wait({call}, timeout=order.limit.total_seconds()))[0]:
                self._give_up(invocation, order)
            return await call
        except asyncio.CancelledError:
            call.cancel()
            raise
        except TargetError as error:
            return error
        except Exception as error:
            log.exception("an invocation failed", target=invocation.attempt.target, work=str(invocation.attempt.work))
            return Reply(exitCode=ExitCode.RETRYABLE, stderr=f"{type(error).__name__}: {error}")

    async def _call(self, invocation: _Invocation, order: Order, *, is_older: bool) -> Reply | None:
        """The reply; None if the attempt was stopped before the call was made."""
        async with self._connections.using(invocation.attempt.target, order.spec) as (adapter, deployment):
            invocation.adapter, invocation.memory = adapter, deployment.memory
            reply = None
            if (
                is_older
                and invocation.attempt.is_active
                and invocation.key not in (resumed := self._resumed[invocation.owner])
            ):
                reply = await adapter.resume(invocation.key)
                resumed.add(invocation.key)  # once per operator process: later executions with this key are our own
            if reply is None and invocation.attempt.is_active:
                reply = await adapter.invoke(order.payload, invocation.key)
            return reply

    def _end(self, invocation: _Invocation, answer: Reply | TargetError) -> None:
        attempt, target = invocation.attempt, invocation.attempt.target
        verdict = self._health.record_answer(
            invocation.call,
            answer,
            others=self._active[target] - 1,
            is_wanted=attempt.is_active,
            is_noted=attempt.reason == TOO_LONG,
            made_plan=invocation.made_plan,
        )
        metrics.INVOCATIONS.labels(target, verdict.outcome).inc()
        if isinstance(answer, RECONNECT_AFTER):
            self._connections.forget(target)
        if verdict.reply is None:  # no work was done: the attempt is forgotten
            self._of.get(invocation.owner, {}).pop(attempt.uid, None)
        else:
            invocation.attempt = replied(attempt, verdict.reply, self._now(), disrupted=verdict.is_forgiven)
        if invocation.owner not in self._of:
            self._health.forget_owner(invocation.owner)

    def _give_up(self, invocation: _Invocation, order: Order) -> None:
        """Fails an attempt at its time limit. Its call is still awaited, since it may succeed."""
        if invocation.attempt.is_active:
            invocation.attempt = overdue(invocation.attempt, order.limit, self._now())
            self._health.overdue(invocation.call, order.limit)
            self._cancel(invocation)
            self._on_finished(invocation.owner)

    def _cancel(self, invocation: _Invocation) -> None:
        if invocation.adapter is not None:
            invocation.adapter.cancel(invocation.key)

    def _count(self, invocation: _Invocation, change: int) -> None:
        target, calls = invocation.attempt.target, self._active_for[invocation.owner]
        self._active[target] += change
        calls[target] += change
        if not calls.total():
            del self._active_for[invocation.owner]
        metrics.INVOCATIONS_ACTIVE.labels(target).set(self._active[target])
