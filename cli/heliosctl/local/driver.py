"""The driver of a render: plan, chunks, stitch, and what is rendered again for it.

It decides; a target's workers do the work, and the artifact store remembers it. So a driver that dies loses
nothing: the next one finds the same job and what is committed of it.

The operator's code, by which chunks are started and failures are judged, is imported while the plan is made.
"""

import asyncio
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from helios_crds.request import RenderRequest
from helios_crds.wire import OTHER_ENGINE, ExitCode, Payload, Reply, Stage, other_seeking
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.imports import importing
from helios_worker.jobs.commits import committed, read_job
from helios_worker.jobs.spec import JobSpec
from helios_worker.trace import mark
from heliosctl.errors import PLAN, StageFailed
from heliosctl.local.fleet import Fleet
from heliosctl.local.lock import job_lock, planning
from heliosctl.terminal.progress import Listener

STITCH_ROUNDS = 3


@dataclass
class Outcome:
    """A finished render.

    cached: the chunks that were found rather than rendered. stitched: what the stitch said. seconds: real time
    by stage.
    """

    job: JobSpec
    job_path: str
    cached: set[int]
    stitched: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)


def worth_another(reply: Reply, before: Reply | None) -> bool:
    """Whether a stage that failed may succeed when it is tried again. before: the failure before this one."""
    from heliosctl.local.chunks import is_stuck_again

    is_final = reply.exitCode == ExitCode.USER_ERROR or "badChunks" in (reply.result or {})
    return not (is_final or is_stuck_again(reply, before))


class Driver:
    """Renders on a fleet.

    retries: further attempts at a stage that failed for another reason than the user's input.
    """

    def __init__(self, fleet: Fleet, store: ArtifactStore, listener: Listener, retries: int) -> None:
        self._fleet = fleet
        self._store = store
        self.listener = listener
        self._retries = retries
        self._seconds: dict[str, float] = {}
        self.job: JobSpec | None = None

    async def render(self, request: RenderRequest) -> Outcome:
        """Plan, chunks, stitch.

        Raises:
            StageFailed: one of them failed for good.
        """
        job_path, _ = await self.plan(request)
        try:
            return await self.finish(job_path)
        except StageFailed as failure:
            request = self._after(failure, request)
        job_path, _ = await self.plan(request)
        return await self.finish(job_path)

    def _after(self, failure: StageFailed, request: RenderRequest) -> RenderRequest:
        """The request to plan again after a failure.

        Raises:
            StageFailed: another plan would not help.
        """
        if failure.error == OTHER_ENGINE:  # an upgrade since the plan
            self.listener.say("the workers' software has changed since the plan; planning again")
            return request
        seeking = other_seeking(failure.reply.result, request.composition.seeking)
        if seeking is None:
            raise failure
        shown = "the page turned out to depend on the frames before"
        self.listener.say(f"{shown}; planning again with --seeking {seeking}")
        composition = request.composition.model_copy(update={"seeking": seeking})
        return request.model_copy(update={"composition": composition})

    async def plan(self, request: RenderRequest) -> tuple[str, JobSpec]:
        """The URL of job.json, and the job in it."""
        data = request.model_dump_json().encode()
        key = f"requests/{hashlib.sha256(data).hexdigest()}.json"
        await asyncio.to_thread(self._store.put, key, data)
        with self._timed(Stage.PLAN):
            async with planning(self._store), importing("heliosctl.local.chunks"):
                plan = await self._attempts(PLAN, Payload(jobPath=self._store.url + key, stage=Stage.PLAN))
            _, job = await asyncio.to_thread(read_job, plan["jobPath"])
        return str(plan["jobPath"]), job

    async def finish(self, job_path: str) -> Outcome:
        """Renders what is missing of a planned job, and joins it.

        Raises:
            StageFailed: a chunk or the stitch failed for good.
        """
        _, job = await asyncio.to_thread(read_job, job_path)
        self.job = job
        async with job_lock(self._store, job.id, self.listener.say):
            cached = await asyncio.to_thread(committed_chunks, self._store, job)
            self.listener.planned(job, cached)
            wanted = [chunk.id for chunk in job.chunks if chunk.id not in cached]
            for rounds_left in reversed(range(STITCH_ROUNDS)):
                await self._chunks(job, job_path, wanted)
                try:
                    stitched = await self._stitch(job_path)
                    break
                except StageFailed as failure:
                    wanted = [index for index in failure.bad_chunks if index < len(job.chunks)]
                    if not wanted or not rounds_left:
                        raise
                    self.listener.say(failure.message)
                    cached -= set(wanted)
                    for index in wanted:
                        self.listener.failed(index, failure.message)
        return Outcome(job, job_path, cached, stitched, self._seconds)

    async def _chunks(self, job: JobSpec, job_path: str, wanted: list[int]) -> None:
        """Renders these chunks, lowest first, as many at once as the fleet takes."""
        from heliosctl.local.chunks import ChunkRun

        if wanted:
            with self._timed(Stage.CHUNK):
                await ChunkRun(job, job_path, self._fleet, self.listener, self._retries).render(wanted)

    async def _stitch(self, job_path: str) -> dict[str, Any]:
        with self._timed(Stage.STITCH):
            return await self._attempts("the stitch", Payload(jobPath=job_path, stage=Stage.STITCH))

    async def _attempts(self, what: str, payload: Payload) -> dict[str, Any]:
        """Has the plan or the stitch run until it is done, is the user's mistake, or has failed often enough."""
        before: Reply | None = None
        for attempt in count(1):
            reply = await self._fleet.home.invoke(payload.model_copy(update={"attempt": attempt}))
            if reply.exitCode == ExitCode.DONE:
                return reply.result or {}
            from helios_crds.renderjob import Retries
            from helios_operator.decide.policies.retry import given_up
            from helios_operator.model.state import Work
            from heliosctl.local.chunks import BACK_OFF

            work, limits = Work(payload.stage), Retries.model_construct(perChunk=self._retries, total=self._retries)
            failure = StageFailed(what, reply, attempt)
            is_over = given_up(work, reply.exitCode, attempt, attempt, limits, reply.stderr) is not None
            if is_over or not worth_another(reply, before):
                raise failure
            before = reply
            self.listener.say(f"{StageFailed(what, reply).message}; trying again")
            await asyncio.sleep(BACK_OFF.seconds(attempt))
        raise AssertionError("unreachable")

    @contextmanager
    def _timed(self, stage: Stage) -> Iterator[None]:
        self.listener.stage(stage)
        started = time.monotonic()
        try:
            yield
        finally:
            mark(f"{stage} done")
            self._seconds[stage.value] = self._seconds.get(stage.value, 0.0) + time.monotonic() - started


def committed_chunks(store: ArtifactStore, job: JobSpec) -> set[int]:
    """The chunks that have a whole manifest; a damaged one is removed, so that its chunk is rendered again."""
    return {chunk.id for chunk in job.chunks if committed(store, chunk) is not None}
