"""What runs on targets outside of the cluster: attempts as reconcile sees them, over calls that are under way.

Nothing of it is on record. An operator that starts anew invokes again what its predecessor was waiting for: what was
done meanwhile is found in the store. Only where a target names what it runs is an attempt resumed.
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
from helios_crds.wire import ExitCode, Reply
from helios_operator import metrics
from helios_operator.decide.policies.budget import invocation_cost
from helios_operator.decide.policies.call_outcomes import overdue, replied, stopped
from helios_operator.decide.policies.failure_causes import TOO_LONG
from helios_operator.model.config import Config
from helios_operator.model.decision import Decision, StartAttempt
from helios_operator.model.invoked import Invoked
from helios_operator.model.observation import ObservedJob
from helios_operator.model.state import Attempt, AttemptPhase
from helios_operator.offload.billing import Bills
from helios_operator.offload.connections import Connections
from helios_operator.offload.order import Order, order
from helios_operator.offload.target_health import timed_health

log = structlog.stdlib.get_logger(__name__)
# Somebody may have changed what the target is, or may do so now, as they are told to.
WORTH_A_LOOK = (Unusable, TimedOut, OutOfMemory)


@dataclass(eq=False)
class _Invocation:
    """attempt: as reconcile sees it. adapter: once it is connected; memory: of its worker, in GiB, once it is known."""

    owner: str
    attempt: Attempt
    adapter: CloudAdapter[Any] | None = None
    memory: float = 0.0
    task: asyncio.Task[None] | None = None

    @property
    def call(self) -> Call:
        return Call(self.attempt.target, self.owner, str(self.attempt.work))

    @property
    def key(self) -> str:
        """What it is resumed and cancelled by: the same for an operator's successor."""
        return f"{self.owner}/{self.attempt.name}"


class Invocations:
    """Calls to targets, by RenderJob.

    now: by the API server's clock. on_finished: told the UID of a RenderJob whose attempt has ended. on_capacity: told
    the name of a target that may take more than before.
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

    # --- what there is ----------------------------------------------------------------------------------------

    def observe(self, owner: str, limits: Mapping[str, int]) -> Invoked:
        """A RenderJob's attempts and calls, and what targets would take of it now.

        limits: chunks at once that each target may be given, of all RenderJobs.
        """
        calls = self._active_for.get(owner, Counter[str]())
        free = {
            target: self._health.capacity(
                target, owner, max(0, limit - self._active[target]), self._active[target], calls[target]
            )
            for target, limit in limits.items()
        }
        attempts = tuple(found.attempt for found in self._of.get(owner, {}).values())
        return Invoked(attempts, calls.total(), free, self._health.resting(owner))

    def resting(self) -> Mapping[str, str]:
        """Why targets are left alone by everybody, by name."""
        return self._health.resting()

    # --- what is done -----------------------------------------------------------------------------------------

    def carry_out(
        self, job: ObservedJob, decision: Decision, targets: Mapping[str, RenderTargetSpec], config: Config
    ) -> Decision:
        """Stops and starts what is not the cluster's. Returns the decision with what is left to do.

        job: with the status that was written.
        """
        stops = tuple(stop for stop in decision.stops if not self.stop(job.uid, stop.uid))
        starts = []
        for start in decision.starts:
            target = targets[start.target]
            if target.is_offload:
                self.start(job, start, order(job, start, target, config))
            else:
                starts.append(start)
        return replace(decision, stops=stops, starts=tuple(starts))

    def start(self, job: ObservedJob, start: StartAttempt, order: Order) -> None:
        """Begins an attempt, unless it is under way already."""
        known = self._of[job.uid]
        if any((found.attempt.work, found.attempt.number) == (start.work, start.number) for found in known.values()):
            return
        now, name = self._now(), f"{start.work.stage}-{start.work.chunk}-a{start.number}"
        self._born = self._born or now
        uid = f"{job.uid}/{name}/{next(self._serial)}"
        attempt = Attempt(
            name, uid, start.work, start.number, start.target, AttemptPhase.RUNNING, created=now, started=now
        )
        found = known[uid] = _Invocation(job.uid, attempt)
        self._count(found, 1)
        metrics.STARTED.labels(start.work.stage, start.target).inc()
        log.info("invoked", render_job=f"{job.namespace}/{job.name}", work=str(start.work), target=start.target)
        is_older = job.status.startTime is not None and job.status.startTime < self._born
        found.task = asyncio.create_task(self._run(found, order, is_older=is_older))

    def stop(self, owner: str, uid: str) -> bool:
        """Nobody waits for an attempt any more. Returns whether it is one of ours.

        Where the target cannot end it, it takes room until it is over.
        """
        found = self._of.get(owner, {}).get(uid)
        if found is None:
            return False
        if found.attempt.is_active:
            found.attempt = stopped(found.attempt, self._now())
            metrics.STOPPED.inc()
            self._cancel(found)
        return True

    def forget(self, owner: str) -> None:
        """A RenderJob is gone, or has ended."""
        for uid in list(self._of.get(owner, ())):
            self.stop(owner, uid)
        self._of.pop(owner, None)
        self._resumed.pop(owner, None)
        self._bills.forget(owner)
        self._health.forget_owner(owner)

    def forget_target(self, name: str) -> None:
        """A target has changed: what was known of it is of another one."""
        self._health.forget_target(name)
        self._connections.forget(name)

    async def close(self) -> None:
        """Leaves everything as it is. What has a name goes on and is resumed by a successor."""
        tasks = [found.task for owned in self._of.values() for found in owned.values() if found.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._connections.close()

    # --- what it costs ----------------------------------------------------------------------------------------

    def bill(self, owner: str, targets: Sequence[TargetStatus]) -> None:
        """A status with these parts, which holds all costs so far, is about to be written."""
        costs = {uid for uid, found in self._of.get(owner, {}).items() if found.attempt.cost is not None}
        if costs:
            self._bills.add(owner, targets, costs)

    def confirm(self, owner: str, targets: Sequence[TargetStatus]) -> None:
        """What the API server has now: costs that are in it are not counted again."""
        for uid in self._bills.confirm(owner, targets) & self._of.get(owner, {}).keys():
            found = self._of[owner][uid]
            found.attempt = replace(found.attempt, cost=None)

    # --- one call ---------------------------------------------------------------------------------------------

    async def _run(self, found: _Invocation, order: Order, *, is_older: bool) -> None:
        """From the call to whatever it comes to."""
        target, began = found.attempt.target, asyncio.get_running_loop().time()
        try:
            answer = await self._answer(found, order, is_older=is_older)
            if answer is not None:
                self._end(found, answer)
        finally:
            self._count(found, -1)
            if found.attempt.uid in self._of.get(found.owner, ()):
                seconds = asyncio.get_running_loop().time() - began
                cost = invocation_cost(order.spec.price, found.memory, seconds)
                found.attempt = replace(found.attempt, cost=cost)
                metrics.INVOCATION_COST.labels(target).inc(float(cost))
            self._on_finished(found.owner)
            self._on_capacity(target)

    async def _answer(self, found: _Invocation, order: Order, *, is_older: bool) -> Reply | TargetError | None:
        """What the target says, which may be after the attempt was given up for its time; None if it was not asked."""
        call = asyncio.ensure_future(self._call(found, order, is_older=is_older))
        try:
            if not (await asyncio.wait({call}, timeout=order.limit.total_seconds()))[0]:
                self._give_up(found, order)
            return await call
        except asyncio.CancelledError:
            call.cancel()
            raise
        except TargetError as error:
            return error
        except Exception as error:
            log.exception("an invocation failed", target=found.attempt.target, work=str(found.attempt.work))
            return Reply(exitCode=ExitCode.RETRYABLE, stderr=f"{type(error).__name__}: {error}")

    async def _call(self, found: _Invocation, order: Order, *, is_older: bool) -> Reply | None:
        """The reply; None if nobody wants it any more before it was asked for."""
        async with self._connections.using(found.attempt.target, order.spec) as (adapter, deployment):
            found.adapter, found.memory = adapter, deployment.memory
            reply = None
            if is_older and found.attempt.is_active and found.key not in (resumed := self._resumed[found.owner]):
                reply = await adapter.resume(found.key)
                resumed.add(found.key)  # once in an operator's life: whatever has this key later is its own
            if reply is None and found.attempt.is_active:
                reply = await adapter.invoke(order.payload, found.key)
            return reply

    def _end(self, found: _Invocation, answer: Reply | TargetError) -> None:
        attempt, target = found.attempt, found.attempt.target
        verdict = self._health.heard(
            found.call,
            answer,
            others=self._active[target] - 1,
            is_wanted=attempt.is_active,
            is_noted=attempt.reason == TOO_LONG,
        )
        metrics.INVOCATIONS.labels(target, verdict.outcome).inc()
        if isinstance(answer, WORTH_A_LOOK):
            self._connections.forget(target)
        if verdict.reply is None:  # as if the attempt had not been made
            self._of.get(found.owner, {}).pop(attempt.uid, None)
        else:
            found.attempt = replied(attempt, verdict.reply, self._now(), disrupted=verdict.is_forgiven)
        if found.owner not in self._of:
            self._health.forget_owner(found.owner)

    def _give_up(self, found: _Invocation, order: Order) -> None:
        """An attempt counts as failed for its time. Its call is waited for: it may end well."""
        if found.attempt.is_active:
            found.attempt = overdue(found.attempt, order.limit, self._now())
            self._health.overdue(found.call, order.limit)
            self._cancel(found)
            self._on_finished(found.owner)

    def _cancel(self, found: _Invocation) -> None:
        if found.adapter is not None:
            found.adapter.cancel(found.key)

    def _count(self, found: _Invocation, change: int) -> None:
        target, calls = found.attempt.target, self._active_for[found.owner]
        self._active[target] += change
        calls[target] += change
        if not calls.total():
            del self._active_for[found.owner]
        metrics.INVOCATIONS_ACTIVE.labels(target).set(self._active[target])
