"""What runs on targets outside of the cluster: attempts as reconcile sees them, over calls that are under way.

Nothing of it is on record. An operator that starts anew invokes again what its predecessor was waiting for: what was
done meanwhile is found in the store. Only executions of a Cloud Run job, which have names, are found again.
"""

import asyncio
import json
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import structlog

from helios_adapters.errors import (
    BadAnswer,
    ColdStartTimedOut,
    ConnectionLost,
    Crashed,
    NoRoom,
    OutOfMemory,
    ProviderFailed,
    TargetError,
    TimedOut,
    Unseen,
    Unusable,
    WorkerLost,
    as_reply,
)
from helios_adapters.google.job import CloudRunJobs
from helios_crds.renderjob_status import TargetStatus
from helios_crds.text import one_line
from helios_crds.wire import RESULT_BYTES, ExitCode, Payload, Reply, Stage
from helios_operator import metrics
from helios_operator.decide.policies.budget import invocation_cost
from helios_operator.decide.policies.failure_causes import TOO_LONG
from helios_operator.model.decision import StartAttempt
from helios_operator.model.observation import ObservedJob
from helios_operator.model.state import Attempt, AttemptPhase
from helios_operator.offload.billing import MAX_BILLS, _Bill
from helios_operator.offload.connections import Clouds
from helios_operator.offload.order import Order
from helios_operator.offload.target_health import EVERYBODY, Healths

log = structlog.stdlib.get_logger(__name__)
POLL, LONGEST_POLL = 2.0, 30.0
GIVEN_UP = 600.0
"""Seconds for which an execution that nobody waits for is looked for in vain."""
MAX_WORDS = 1000
MAX_WHY = 300
# The target's own trouble. A chunk that has it again and again, while others are done there, is to blame as well.
TROUBLE = (ProviderFailed, ConnectionLost, ColdStartTimedOut)
# A worker was told to stop, as those of a service are whose instance goes away.
HANDED_BACK = (ExitCode.INTERRUPTED, ExitCode.TERMINATED)
FORGIVEN = 3


@dataclass(eq=False)
class _Invocation:
    """attempt: as reconcile sees it. memory: of the worker, in GiB, once it is known."""

    owner: str
    attempt: Attempt
    memory: float = 0.0
    task: asyncio.Task[None] | None = None


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
        self._healths = Healths(now, on_room)
        self._of: defaultdict[str, dict[str, _Invocation]] = defaultdict(dict)
        self._active: Counter[str] = Counter()
        self._active_for: Counter[tuple[str, str]] = Counter()
        self._done: Counter[str] = Counter()
        self._troubles: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
        self._bills: defaultdict[str, deque[_Bill]] = defaultdict(partial(deque, maxlen=MAX_BILLS))
        self._looked_for: dict[str, set[str]] = defaultdict(set)
        self._serial = count(1)
        self._born: datetime | None = None

    # --- what there is ----------------------------------------------------------------------------------------

    def attempts(self, owner: str) -> list[Attempt]:
        """Every attempt of a RenderJob that this operator has made."""
        return [found.attempt for found in self._of.get(owner, {}).values()]

    def active(self, target: str) -> int:
        """Calls that a target is at work on, those that nobody waits for included: they take its room."""
        return self._active[target]

    def calls(self, owner: str) -> int:
        """Calls for a RenderJob that are under way, those that nobody waits for included: they cost as much."""
        return sum(found for (_, whose), found in self._active_for.items() if whose == owner)

    def room(self, target: str, owner: str, free: int) -> int:
        """How many more chunks of a RenderJob a target may be given. free: by its limit."""
        return self._healths.room(target, owner, free, self._active[target], self._active_for[target, owner])

    def resting(self, owner: str = EVERYBODY) -> Mapping[str, str]:
        """Why targets are left alone, by name: by everybody, or by a RenderJob too."""
        return self._healths.resting(owner)

    # --- what is done -----------------------------------------------------------------------------------------

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
        """A RenderJob is gone, or has ended."""
        for uid in list(self._of.get(owner, ())):
            self.stop(owner, uid)
        for kept in (self._of, self._bills, self._looked_for):
            kept.pop(owner, None)
        self._healths.forget_owner(owner)
        for key in [key for key in self._troubles if key[0] == owner]:
            del self._troubles[key]

    def forget_target(self, name: str) -> None:
        """A target has changed: what was known of it is of another one."""
        self._healths.forget_target(name)
        self._clouds.forget(name)

    async def close(self) -> None:
        """Leaves everything as it is. Executions go on and are found again by a successor."""
        tasks = [found.task for owned in self._of.values() for found in owned.values() if found.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._clouds.close()

    # --- what it costs ----------------------------------------------------------------------------------------

    def bill(self, owner: str, targets: Sequence[TargetStatus]) -> None:
        """A status with these parts, which holds all costs so far, is about to be written."""
        uids = frozenset(uid for uid, found in self._of.get(owner, {}).items() if found.attempt.cost is not None)
        bill = _Bill(targets, uids)
        if uids and bill not in self._bills[owner]:
            self._bills[owner].append(bill)

    def confirm(self, owner: str, targets: Sequence[TargetStatus]) -> None:
        """What the API server has now: costs that are in it are not counted again, whoever brought the news of it.

        It may be an older bill than the last: the answer to that write was lost, and the next one refused.
        """
        bills = self._bills.get(owner, ())
        written = next((bill for bill in bills if bill.targets == targets), None)
        if written is None:
            return
        for uid in written.uids & self._of.get(owner, {}).keys():
            found = self._of[owner][uid]
            found.attempt = replace(found.attempt, cost=None)
        while self._bills[owner].popleft() is not written:
            pass
        if not self._bills[owner]:
            del self._bills[owner]

    # --- one call ---------------------------------------------------------------------------------------------

    async def _run(self, found: _Invocation, order: Order, *, is_older: bool) -> None:
        """From the call to whatever it comes to."""
        target, began = found.attempt.target, asyncio.get_running_loop().time()
        try:
            reply = await self._called(found, order, is_older=is_older)
            if reply is not None:
                self._end(found, reply)
        except NoRoom as error:
            self._withdraw(found, "no room")
            self._healths.refused(target, self._active[target] - 1, error.retry_after)
        except Unusable as error:
            self._withdraw(found, "unusable")
            self._clouds.forget(target)
            self._healths.unusable(target, _why(error))
        except (WorkerLost, BadAnswer) as error:
            self._lose(found, error)
        except Exception as error:
            log.exception("an invocation failed", target=target, work=str(found.attempt.work))
            self._end(found, Reply(exitCode=ExitCode.RETRYABLE, stderr=f"{type(error).__name__}: {error}"))
        finally:
            self._count(found, -1)
            if found.attempt.uid in self._of.get(found.owner, ()):
                seconds = asyncio.get_running_loop().time() - began
                cost = invocation_cost(order.spec.price, found.memory, seconds)
                found.attempt = replace(found.attempt, cost=cost)
                metrics.INVOCATION_COST.labels(target).inc(float(cost))
            self._on_news(found.owner)
            self._on_room(target)

    async def _called(self, found: _Invocation, order: Order, *, is_older: bool) -> Reply | None:
        """The reply, which may come after the attempt was given up for its time. Cancelled, the call is as well."""
        call = asyncio.ensure_future(self._call(found, order, is_older=is_older))
        try:
            if not (await asyncio.wait({call}, timeout=order.limit.total_seconds()))[0]:
                self._end_overdue(found, order.limit)
            return await call
        except asyncio.CancelledError:
            call.cancel()
            raise

    async def _call(self, found: _Invocation, order: Order, *, is_older: bool) -> Reply | None:
        """The reply; None if nobody wants it any more before it was asked for."""
        async with self._clouds.using(found.attempt.target, order.spec) as (adapter, deployed):
            found.memory = deployed.memory
            if not found.attempt.is_active:
                return None
            if isinstance(adapter, CloudRunJobs):
                return await self._execute(found, adapter, order.payload, is_older=is_older)
            return await adapter.invoke(order.payload)

    async def _execute(
        self, found: _Invocation, jobs: CloudRunJobs, payload: Payload, *, is_older: bool
    ) -> Reply | None:
        """One execution of a Cloud Run job, perhaps one that a predecessor of this operator began."""
        name = await self._begun(found, jobs) if is_older else None
        name = name or await jobs.begin(payload, _key(found))
        clock, cancelled, pause = asyncio.get_running_loop().time, False, POLL
        seen = clock()
        while True:
            if not (found.attempt.is_active or cancelled):
                cancelled = await _cancelled(jobs, name)
            try:
                if (reply := await jobs.outcome(name)) is not None:
                    return reply
                seen, pause = clock(), POLL
            except (WorkerLost, BadAnswer):
                raise
            except TargetError as error:
                if not isinstance(error, Unseen) and cancelled:
                    raise
                if not found.attempt.is_active and clock() - seen > GIVEN_UP:
                    return None
                pause = min(LONGEST_POLL, 2 * pause)
            await asyncio.sleep(pause)

    async def _begun(self, found: _Invocation, jobs: CloudRunJobs) -> str | None:
        """The execution that a predecessor began for this very attempt; looked for once in an operator's life."""
        key = _key(found)
        if key in self._looked_for[found.owner]:
            return None
        name = (await jobs.find([key])).get(key)
        self._looked_for[found.owner].add(key)
        return name

    def _end(self, found: _Invocation, reply: Reply) -> None:
        attempt = found.attempt
        is_done = reply.exitCode == ExitCode.DONE
        metrics.INVOCATIONS.labels(attempt.target, "done" if is_done else "failed").inc()
        if is_done or reply.exitCode == ExitCode.USER_ERROR:
            self._done[attempt.target] += 1
            self._healths.succeeded(attempt.target, found.owner)
        elif attempt.is_active and reply.exitCode not in HANDED_BACK:
            self._healths.failed(attempt.target, found.owner, one_line(reply.stderr, MAX_WHY))
        if attempt.is_active or is_done:  # what was given up and ends well is as good as any
            found.attempt = replace(
                attempt,
                phase=AttemptPhase.SUCCEEDED if is_done else AttemptPhase.FAILED,
                finished=self._now(),
                exit_code=reply.exitCode,
                message=message_of(reply, attempt.work.stage),
                disrupted=reply.exitCode in HANDED_BACK and self._is_forgiven(found, is_trouble=False),
            )

    def _end_overdue(self, found: _Invocation, limit: timedelta) -> None:
        if found.attempt.is_active:
            ended = replace(found.attempt, phase=AttemptPhase.FAILED, finished=self._now(), exit_code=1)
            found.attempt = replace(ended, allowed=limit, reason=TOO_LONG)
            self._healths.failed(ended.target, found.owner, f"a chunk ran for longer than {limit.total_seconds():g} s")
            self._on_news(found.owner)

    def _lose(self, found: _Invocation, error: WorkerLost | BadAnswer) -> None:
        """A worker that was lost is an attempt that failed, unless the target is to blame alone."""
        attempt, target = found.attempt, found.attempt.target
        metrics.INVOCATIONS.labels(target, type(error).__name__).inc()
        by_target = isinstance(error, (*TROUBLE, BadAnswer))
        if attempt.reason != TOO_LONG:  # or that has been noted
            self._healths.failed(target, EVERYBODY if by_target else found.owner, _why(error))
        if isinstance(error, (TimedOut, OutOfMemory)):
            self._clouds.forget(target)  # somebody may give it more, as they are told to
        if not attempt.is_active:
            return
        reply = as_reply(error)
        found.attempt = replace(
            attempt,
            phase=AttemptPhase.FAILED,
            finished=self._now(),
            exit_code=reply.exitCode,
            message=message_of(reply, attempt.work.stage),
            disrupted=isinstance(error, (*TROUBLE, Crashed))
            and self._is_forgiven(found, is_trouble=isinstance(error, TROUBLE)),
        )

    def _is_forgiven(self, found: _Invocation, *, is_trouble: bool) -> bool:
        """Whether a chunk's end is the target's doing: at first, and trouble while nothing else is done there either.

        A worker that ended by itself may have been the page's doing, or that of a service without instances.
        """
        done = self._done[found.attempt.target]
        troubles = self._troubles[found.owner, str(found.attempt.work), found.attempt.target]
        troubles.append(done)
        if len(troubles) <= FORGIVEN:
            return True
        return is_trouble and troubles[-1 - FORGIVEN] == done

    def _withdraw(self, found: _Invocation, outcome: str) -> None:
        """Nothing was tried: as if the attempt had not been made."""
        metrics.INVOCATIONS.labels(found.attempt.target, outcome).inc()
        self._of.get(found.owner, {}).pop(found.attempt.uid, None)

    def _count(self, found: _Invocation, change: int) -> None:
        target, key = found.attempt.target, (found.attempt.target, found.owner)
        self._active[target] += change
        self._active_for[key] += change
        if not self._active_for[key]:
            del self._active_for[key]
        metrics.INVOCATIONS_ACTIVE.labels(target).set(self._active[target])


async def _cancelled(jobs: CloudRunJobs, name: str) -> bool:
    """Whether an execution has been told to end; if it could not be, it is told again at the next look."""
    try:
        await jobs.cancel(name)
    except TargetError as error:
        log.warning("an execution is not cancelled yet", name=name, error=_why(error))
        return False
    return True


def message_of(reply: Reply, stage: Stage) -> str:
    """A reply as a termination message: the result of what is done, or what a failed worker said, which is bounded."""
    if reply.exitCode == ExitCode.DONE:
        return "" if stage is Stage.CHUNK else _json(reply.result or {})
    bad = (reply.result or {}).get("badChunks")
    said: dict[str, Any] = {"badChunks": bad} if isinstance(bad, str) else {}
    words = one_line(reply.stderr, MAX_WORDS)
    while len(whole := _json({**said, "message": words}).encode(errors="replace")) > RESULT_BYTES and words:
        words = words[: len(words) // 2]
    return whole.decode()


def _json(value: object) -> str:
    """As short as the workers' own: a result that fits as it came must fit as it is kept."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _key(found: _Invocation) -> str:
    """What an execution is found by: the same for an operator's successor."""
    return f"{found.owner}/{found.attempt.name}"


def _why(error: TargetError) -> str:
    return one_line(str(error), MAX_WHY)
