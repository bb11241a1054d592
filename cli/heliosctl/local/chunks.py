"""The chunks of a planned job on a fleet: which start where, are tried again, rendered twice or given up.

The operator's `reconcile` decides all of that, over a RenderJob that exists here only. So a laptop and a cluster treat
the same history alike. What is added for whoever waits: a frame that is stuck twice in the same way ends the render.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count

from helios_adapters import Verdict
from helios_crds.backoff import Backoff
from helios_crds.renderjob import (
    CompositionSpec,
    Execution,
    RenderJobSpec,
    Retries,
    Stragglers,
    TargetUse,
)
from helios_crds.renderjob_status import MAX_RETRY_ENTRIES, PlanStatus, RenderJobStatus
from helios_crds.wire import ExitCode, Payload, Reply, Stage, is_other_engine
from helios_operator.decide.policies.call_outcomes import replied, stopped
from helios_operator.decide.policies.stop import attempts_to_stop
from helios_operator.decide.reconcile import reconcile
from helios_operator.model.chunk_map import CACHED, DONE, GIVEN_UP, WAITING
from helios_operator.model.config import BUILT_IN, Config, Store, built_in_targets
from helios_operator.model.decision import Decision, StartAttempt
from helios_operator.model.locations import job_path
from helios_operator.model.observation import Observation, ObservedJob, Places
from helios_operator.model.state import Attempt, AttemptPhase, Work
from helios_worker.jobs.spec import JobSpec
from heliosctl.errors import StageFailed
from heliosctl.local.fleet import Fleet
from heliosctl.terminal.progress import Listener

GATHERING, LONGEST_GATHERING = 5.0, 0.25
"""Ends are gathered for some times as long as the last decision took, at most for so many seconds: a job of 10,000
chunks takes 60 ms to decide, and workers need the processors."""
BACK_OFF = Backoff(base=0.5, factor=4, cap=5)
"""Before failed work is tried again: a few seconds, since somebody waits."""
# Nothing is decided by where artifacts and film are, so a RenderJob that exists here only may say anything.
STORE = "s3://artifacts/"
CONFIG = Config(store=Store(url=STORE, claim=""), backoff=BACK_OFF, disruption_pause=timedelta(seconds=1))
SAMPLE = 200
"""Finished attempts that are kept: enough to know what is slow."""
NEVER_SLOW = Stragglers(minimum="9999h")
"""On this machine alone a second attempt would take the first one's processors."""


def is_stuck_again(reply: Reply, before: Reply | None) -> bool:
    """Whether a frame was never ready for the second time in a row, in the same way: then it never will be."""
    is_stuck = (reply.result or {}).get("error") == "FrameNeverReady"
    return is_stuck and before is not None and before.stderr == reply.stderr


class ChunkRun:
    """One rendering of some chunks of a job.

    path: URL of job.json. retries: of each chunk, beyond its first attempt. The rest is what the operator's config is.
    """

    def __init__(
        self,
        job: JobSpec,
        path: str,
        fleet: Fleet,
        listener: Listener,
        retries: int,
        config: Config | None = None,
    ) -> None:
        self._job = job
        self._path = path
        self._fleet = fleet
        self._listener = listener
        self._config = config or CONFIG
        self._retries = retries
        self._spec = _spec(job, fleet, retries)
        self._status = RenderJobStatus()
        self._attempts: dict[str, Attempt] = {}
        self._replies: defaultdict[int, list[Reply]] = defaultdict(list)
        self._failures: Counter[int] = Counter()
        self._untold: list[tuple[int, Reply]] = []
        self._error: Exception | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        self._serial = count(1)

    async def render(self, wanted: Collection[int]) -> None:
        """Renders these chunks, lowest first.

        Raises:
            StageFailed: one of them failed for good.
            NoTargetLeft: no target can be used.
        """
        self._status = _status(self._job, wanted, self._fleet.now())
        try:
            clock = asyncio.get_running_loop().time
            while True:
                self._ended.clear()
                began = clock()
                pause = self._decide()
                if self._is_rendered:
                    return
                took = clock() - began
                with suppress(TimeoutError):
                    async with asyncio.timeout(min([pause, *self._fleet.pauses()])):
                        await self._ended.wait()
                await asyncio.sleep(min(LONGEST_GATHERING, GATHERING * took))
        finally:
            for call in self._calls:
                call.cancel()
            await asyncio.gather(*self._calls, return_exceptions=True)

    @property
    def _is_rendered(self) -> bool:
        return not set(self._status.chunkMap) - {DONE, CACHED}

    def _decide(self) -> float:
        """Takes what has ended, starts what is next. Returns the seconds after which time alone changes something."""
        if self._error is not None:
            raise self._error
        decision = reconcile(self._observe(), self._config)
        self._take(decision)
        if not self._is_rendered:
            self._fleet.check()
        for stop in attempts_to_stop(self._status, self._attempts.values(), suspended=False):
            self._stop(stop.uid)
        for start in decision.starts:
            if start.work.stage is Stage.CHUNK:
                self._start(start)
        self._forget_done()
        return decision.requeue_after or 0.0

    def _observe(self) -> Observation:
        job = ObservedJob("film", "here", self._job.id, 1, spec=self._spec, status=self._status)
        return Observation(
            job=job,
            attempts=tuple(self._attempts.values()),
            now=self._fleet.now(),
            targets=dict.fromkeys(self._fleet.names, built_in_targets()[BUILT_IN]),
            places=Places(STORE, f"{STORE}film.mp4"),
            capacity=self._fleet.capacity(),
        )

    def _take(self, decision: Decision) -> None:
        """Takes over the status, and tells of chunks that are done or have failed.

        Raises:
            StageFailed: the render has ended.
        """
        before, self._status = self._status.chunkMap, decision.status
        for index, mark in enumerate(self._status.chunkMap):
            if mark == DONE != before[index]:
                self._listener.finished(index)
            elif mark == GIVEN_UP:
                raise self._failure(index)
        untold = [(index, reply) for index, reply in self._untold if self._status.chunkMap[index] != DONE]
        self._untold.clear()
        for index, reply in untold:
            others = any(each.is_active and each.work.chunk == index for each in self._attempts.values())
            if not others:
                self._listener.failed(index, reply.stderr)
            then = "its other attempt goes on" if others else "trying again"
            self._listener.say(f"{StageFailed(self._name(index), reply).message}; {then}")

    def _start(self, start: StartAttempt) -> None:
        now, name = self._fleet.now(), f"chunk-{start.work.chunk}-a{start.number}"
        uid = f"{self._job.id}/{name}/{next(self._serial)}"
        self._attempts[uid] = Attempt(
            name, uid, start.work, start.number, start.target, AttemptPhase.RUNNING, created=now, started=now
        )
        call = asyncio.create_task(self._call(uid, start))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    def _stop(self, uid: str) -> None:
        attempt = self._attempts[uid]
        self._attempts[uid] = stopped(attempt, self._fleet.now())
        self._fleet.cancel(attempt.target, uid)

    def _forget_done(self) -> None:
        """Drops attempts at chunks that are done, but for the last ones, by which it is seen what is slow."""
        over = [
            uid
            for uid, attempt in self._attempts.items()
            if not attempt.is_active and self._status.chunkMap[attempt.work.chunk] == DONE
        ]
        for uid in over[:-SAMPLE]:
            del self._attempts[uid]

    async def _call(self, uid: str, start: StartAttempt) -> None:
        payload = Payload(jobPath=self._path, chunkIndex=start.work.chunk, attempt=start.number)

        def is_wanted() -> bool:
            return uid in self._attempts and self._attempts[uid].is_active

        try:
            self._end(uid, await self._fleet.invoke(start.target, payload, uid, is_wanted))
        except Exception as error:
            self._error = error
        finally:
            self._ended.set()

    def _end(self, uid: str, verdict: Verdict) -> None:
        attempt, reply = self._attempts.get(uid), verdict.reply
        if attempt is None:  # its chunk was done long ago
            return
        if reply is None:  # nothing was tried
            del self._attempts[uid]
            return
        if attempt.is_active and reply.exitCode != ExitCode.DONE:
            self._fail(attempt.work, reply, counts=not verdict.is_forgiven)
        self._attempts[uid] = replied(attempt, reply, self._fleet.now(), disrupted=verdict.is_forgiven)

    def _fail(self, work: Work, reply: Reply, *, counts: bool) -> None:
        """Keeps a failure; ends the render where waiting for another attempt is of no use to the user."""
        replies = self._replies[work.chunk]
        replies.append(reply)
        self._untold.append((work.chunk, reply))
        self._failures[work.chunk] += counts
        is_stuck = is_stuck_again(reply, replies[-2] if len(replies) > 1 else None)
        # A status has no room for the failures of more chunks than these: they are counted here.
        is_spent = len(self._status.retries) == MAX_RETRY_ENTRIES and self._failures[work.chunk] > self._retries
        if reply.exitCode == ExitCode.USER_ERROR or is_other_engine(reply) or is_stuck or is_spent:
            self._error = self._failure(work.chunk)

    def _failure(self, index: int) -> StageFailed:
        """A chunk's last failure as the render's."""
        replies = self._replies[index]
        return StageFailed(self._name(index), replies[-1], len(replies))

    def _name(self, index: int) -> str:
        chunk = self._job.chunks[index]
        return f"chunk {index} (frames {chunk.startFrame} to {chunk.end - 1})"


def _spec(job: JobSpec, fleet: Fleet, retries: int) -> RenderJobSpec:
    """As much of a RenderJob's spec as is decided by. It never crosses a border, so names and numbers are free.

    A person who waits has given no limit over all chunks, so there is none.
    """
    execution = Execution.model_construct(
        targets=[TargetUse.model_construct(name=name) for name in fleet.names],
        parallelism=fleet.slots,
        retries=Retries.model_construct(perChunk=retries, total=len(job.chunks) * (retries + 1)),
        stragglers=NEVER_SLOW if fleet.is_local else Stragglers(),
    )
    return RenderJobSpec.model_construct(composition=CompositionSpec(inline="<p>"), execution=execution)


def _status(job: JobSpec, wanted: Collection[int], now: datetime) -> RenderJobStatus:
    """A job that is planned, with all chunks done but the wanted ones."""
    chunks, frames = len(job.chunks), sum(chunk.frameCount for chunk in job.chunks)
    plan = PlanStatus(jobPath=job_path(STORE, job.id), jobId=job.id, frames=frames, chunks=chunks)
    marks = "".join(WAITING if index in wanted else CACHED for index in range(chunks))
    return RenderJobStatus(plan=plan, chunkMap=marks, startTime=now)
