"""What runs on targets outside of the cluster: attempts as reconcile sees them, over calls that are under way.

Nothing of it is on record. An operator that starts anew invokes again what its predecessor was waiting for: what was
done meanwhile is found in the store. Only executions of a Cloud Run job, which have names, are found again.
"""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import structlog

from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.wire import RESULT_BYTES, ExitCode, Payload, Reply, Stage
from helios_operator import metrics
from helios_operator.adapters.cloud_run_jobs import CloudRunJobs
from helios_operator.adapters.errors import (
    BadAnswer,
    ColdStartTimedOut,
    ConnectionLost,
    NoRoom,
    ProviderFailed,
    TargetError,
    Unusable,
    WorkerLost,
    as_reply,
)
from helios_operator.clouds import Clouds
from helios_operator.policies import health
from helios_operator.policies.budget import invocation_cost
from helios_operator.policies.causes import TOO_LONG
from helios_operator.policies.health import Health
from helios_operator.policies.results import clean
from helios_operator.state import Attempt, AttemptPhase, ObservedJob, StartAttempt

log = structlog.stdlib.get_logger(__name__)
POLL = 2.0
MAX_WORDS = 1000
MAX_WHY = 300
# The target's own trouble, at first; a chunk that has it again and again is to blame as well.
TROUBLE = (ProviderFailed, ConnectionLost, ColdStartTimedOut)
FORGIVEN = 3


@dataclass(eq=False)
class _Invocation:
    """attempt: as reconcile sees it. execution: of a Cloud Run job, once it is known."""

    owner: str
    attempt: Attempt
    execution: str = ""
    task: asyncio.Task[None] | None = None


@dataclass(frozen=True)
class Order:
    """What is to be invoked. limit: after which an attempt counts as failed."""

    spec: RenderTargetSpec
    payload: Payload
    limit: timedelta


class Invocations:
    """Calls to targets, by RenderJob.

    now: by the API server's clock. on_news: told the UID of a RenderJob whose attempt has ended. on_room: told the name
    of a target that may take more than before.
    """

    def __init__(
        self,
        clouds: Clouds,
        now: Callable[[], datetime],
        on_news: Callable[[str], None],
        on_room: Callable[[str], None],
    ) -> None:
        self._clouds = clouds
        self._now = now
        self._on_news = on_news
        self._on_room = on_room
        self._of: defaultdict[str, dict[str, _Invocation]] = defaultdict(dict)
        self._active: Counter[str] = Counter()
        self._health: dict[str, Health] = {}
        self._troubles: Counter[tuple[str, str]] = Counter()
        self._serial = count(1)
        self._born = now()

    # --- what there is ----------------------------------------------------------------------------------------

    def attempts(self, owner: str) -> list[Attempt]:
        """Every attempt of a RenderJob that this operator has made."""
        return [found.attempt for found in self._of.get(owner, {}).values()]

    def active(self, target: str) -> int:
        """Calls that a target is at work on, those that nobody waits for included: they take its room."""
        return self._active[target]

    def room(self, target: str, free: int) -> int:
        """How many more chunks a target may be given. free: by its limit."""
        return health.room(self._known(target), free, self._active[target], self._now())

    def resting(self) -> Mapping[str, str]:
        """Why targets are left alone, by name."""
        now = self._now()
        return {
            name: f"{name} rests until {found.until:%H:%M:%S} UTC: {found.why}"
            for name, found in self._health.items()
            if found.is_resting(now)
        }

    # --- what is done -----------------------------------------------------------------------------------------

    def start(self, job: ObservedJob, start: StartAttempt, order: Order) -> None:
        """Begins an attempt, unless it is under way already."""
        known = self._of[job.uid]
        if any((found.attempt.work, found.attempt.number) == (start.work, start.number) for found in known.values()):
            return
        now, name = self._now(), f"{start.work.stage}-{start.work.chunk}-a{start.number}"
        uid = f"{job.uid}/{name}/{next(self._serial)}"
        attempt = Attempt(
            name, uid, start.work, start.number, start.target, AttemptPhase.RUNNING, created=now, started=now
        )
        found = known[uid] = _Invocation(job.uid, attempt)
        self._active[start.target] += 1
        metrics.STARTED.labels(start.work.stage, start.target).inc()
        log.info("invoked", render_job=f"{job.namespace}/{job.name}", work=str(start.work), target=start.target)
        is_older = job.status.startTime is not None and job.status.startTime < self._born
        found.task = asyncio.create_task(self._run(found, order, f"{job.uid}/{name}", is_older=is_older))

    def stop(self, owner: str, uid: str) -> bool:
        """Nobody waits for an attempt any more. Returns whether it is one of ours.

        An execution of a Cloud Run job is cancelled; what a function or service does cannot be called off, and takes
        room until it is over.
        """
        found = self._of.get(owner, {}).get(uid)
        if found is None:
            return False
        if found.attempt.is_active:
            found.attempt = replace(
                found.attempt, phase=AttemptPhase.FAILED, stopping=True, disrupted=True, finished=self._now()
            )
            metrics.STOPPED.inc()
        return True

    def forget(self, owner: str) -> None:
        """A RenderJob is gone."""
        for uid in list(self._of.get(owner, ())):
            self.stop(owner, uid)
        self._of.pop(owner, None)
        for key in [key for key in self._troubles if key[0] == owner]:
            del self._troubles[key]

    def on_record(self, owner: str, uids: set[str]) -> None:
        """What these attempts cost has been written and acknowledged."""
        for uid, found in self._of.get(owner, {}).items():
            if uid in uids:
                found.attempt = replace(found.attempt, cost=None)

    async def close(self) -> None:
        """Leaves everything as it is. Executions go on and are found again by a successor."""
        tasks = [found.task for owned in self._of.values() for found in owned.values() if found.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._clouds.close()

    # --- one call ---------------------------------------------------------------------------------------------

    async def _run(self, found: _Invocation, order: Order, key: str, *, is_older: bool) -> None:
        """From the call to whatever it comes to."""
        target, began = found.attempt.target, asyncio.get_running_loop().time()
        memory = 0.0
        try:
            adapter, deployed = await self._clouds.adapter(target, order.spec)
            memory = deployed.memory
            call = asyncio.ensure_future(
                self._execute(found, adapter, order.payload, key, is_older=is_older)
                if isinstance(adapter, CloudRunJobs)
                else adapter.invoke(order.payload)
            )
            if not (await asyncio.wait({call}, timeout=order.limit.total_seconds()))[0]:
                self._end_overdue(found, order.limit)
            self._end(found, await call)
        except NoRoom as error:
            self._withdraw(found)
            active = self._active[target] - 1
            self._feel(
                target, "no room", health.after_refusal(self._known(target), active, error.retry_after, self._now())
            )
        except Unusable as error:
            self._withdraw(found)
            self._clouds.forget(target)
            self._feel(target, "unusable", health.after_unusable(self._known(target), _why(error), self._now()))
        except (WorkerLost, BadAnswer) as error:
            self._lose(found, error)
        except Exception as error:
            log.exception("an invocation failed", target=target, work=str(found.attempt.work))
            self._end(found, Reply(exitCode=ExitCode.RETRYABLE, stderr=f"{type(error).__name__}: {error}"))
        finally:
            self._active[target] -= 1
            if found.attempt.uid in self._of.get(found.owner, ()):
                seconds = asyncio.get_running_loop().time() - began
                cost = invocation_cost(order.spec.price, memory, seconds)
                found.attempt = replace(found.attempt, cost=cost)
                metrics.INVOCATION_COST.labels(target).inc(float(cost))
            metrics.INVOCATIONS_ACTIVE.labels(target).set(self._active[target])
            self._on_news(found.owner)
            self._on_room(target)

    async def _execute(
        self, found: _Invocation, jobs: CloudRunJobs, payload: Payload, key: str, *, is_older: bool
    ) -> Reply:
        """One execution of a Cloud Run job, perhaps one that a predecessor of this operator began."""
        begun = await jobs.find([key]) if is_older else {}
        found.execution = begun.get(key) or await jobs.begin(payload, key)
        cancelled = False
        while True:
            if found.attempt.stopping and not cancelled:
                await jobs.cancel(found.execution)
                cancelled = True
            try:
                reply = await jobs.outcome(found.execution)
            except NoRoom:  # asked too often: nothing is known of it
                reply = None
            if reply is not None:
                return reply
            await asyncio.sleep(POLL)

    def _end(self, found: _Invocation, reply: Reply) -> None:
        target, attempt = found.attempt.target, found.attempt
        is_done = reply.exitCode == ExitCode.DONE
        if is_done or reply.exitCode == ExitCode.USER_ERROR:
            self._feel(target, "done" if is_done else "failed", health.after_success(self._known(target)))
        elif not attempt.stopping:
            why = clean(reply.stderr, MAX_WHY)
            self._feel(target, "failed", health.after_failure(self._known(target), why, self._now()))
        if attempt.is_active or is_done:  # what was given up and ends well is as good as any
            found.attempt = replace(
                attempt,
                phase=AttemptPhase.SUCCEEDED if is_done else AttemptPhase.FAILED,
                finished=self._now(),
                exit_code=reply.exitCode,
                message=message_of(reply, attempt.work.stage),
            )

    def _end_overdue(self, found: _Invocation, limit: timedelta) -> None:
        if found.attempt.is_active:
            found.attempt = replace(
                found.attempt,
                phase=AttemptPhase.FAILED,
                finished=self._now(),
                allowed=limit,
                reason=TOO_LONG,
                exit_code=1,
            )
            self._on_news(found.owner)

    def _lose(self, found: _Invocation, error: WorkerLost | BadAnswer) -> None:
        """A worker that was lost is an attempt that failed, unless the target is to blame alone."""
        attempt = found.attempt
        after = health.after_failure(self._known(attempt.target), _why(error), self._now())
        self._feel(attempt.target, type(error).__name__, after)
        key = (found.owner, attempt.name.rpartition("-a")[0])
        self._troubles[key] += isinstance(error, TROUBLE)
        if not attempt.is_active:
            return
        reply = as_reply(error)
        found.attempt = replace(
            attempt,
            phase=AttemptPhase.FAILED,
            finished=self._now(),
            exit_code=reply.exitCode,
            message=message_of(reply, attempt.work.stage),
            disrupted=isinstance(error, TROUBLE) and self._troubles[key] <= FORGIVEN,
        )

    def _withdraw(self, found: _Invocation) -> None:
        """Nothing was tried: as if the attempt had not been made."""
        self._of.get(found.owner, {}).pop(found.attempt.uid, None)

    def _known(self, target: str) -> Health:
        return self._health.get(target, Health())

    def _feel(self, target: str, outcome: str, after: Health) -> None:
        """Takes note of how a target is after an invocation, and sees to it that a pause ends."""
        before, self._health[target] = self._known(target), after
        metrics.INVOCATIONS.labels(target, outcome).inc()
        now = self._now()
        if after.is_resting(now) and not before.is_resting(now):
            log.warning("a target rests", target=target, until=f"{after.until:%H:%M:%S}", why=after.why)
        if after.until is not None and after.until != before.until:
            pause = max(0.0, (after.until - now).total_seconds())
            asyncio.get_running_loop().call_later(pause, self._on_room, target)


def message_of(reply: Reply, stage: Stage) -> str:
    """A reply as a termination message: the result of what is done, or what a failed worker said, which is bounded."""
    if reply.exitCode == ExitCode.DONE:
        return "" if stage is Stage.CHUNK else json.dumps(reply.result or {})
    said: dict[str, Any] = {"message": clean(reply.stderr, MAX_WORDS)}
    bad = (reply.result or {}).get("badChunks")
    whole = json.dumps(said | ({"badChunks": bad} if isinstance(bad, str) else {}))
    return whole if len(whole) <= RESULT_BYTES else json.dumps(said)


def _why(error: TargetError) -> str:
    return clean(str(error), MAX_WHY)
