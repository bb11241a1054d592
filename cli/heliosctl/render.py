"""The driver of a local render: plan, chunks in a bounded pool, stitch, and what is tried again.

It decides; the adapter's workers do the work, and the artifact store remembers it. So a driver that dies
loses nothing: the next one finds the same job and what is committed of it.
"""

import asyncio
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from helios_crds.request import RenderRequest
from helios_crds.wire import ExitCode, Payload, Reply, Stage
from helios_operator.adapters.base import Deployment
from helios_worker.errors import HeliosError
from helios_worker.job import JobSpec, read_job
from helios_worker.store import ArtifactStore

STITCH_ROUNDS = 3
BACK_OFF_SECONDS = (0.5, 2.0, 5.0)


class Target(Protocol):
    """What the driver needs of an adapter once it is deployed."""

    async def invoke(self, payload: Payload) -> Reply:
        """Has a worker do one stage."""
        ...


class Listener(Protocol):
    """Told how the render goes; see helios_ctl.progress for those who draw it."""

    def stage(self, stage: Stage) -> None:
        """A stage begins."""

    def planned(self, job: JobSpec, cached: set[int]) -> None:
        """The plan is there."""

    def frames(self, chunk: int, count: int) -> None:
        """More frames of a chunk are encoded."""

    def finished(self, chunk: int) -> None:
        """A chunk is committed."""

    def failed(self, chunk: int, why: str) -> None:
        """An attempt at a chunk was lost; it will be tried again."""

    def say(self, line: str) -> None:
        """Something that the user should know."""


class StageFailed(HeliosError):
    """A stage failed for good. reply: its last answer."""

    def __init__(self, what: str, reply: Reply, attempts: int) -> None:
        tries = f" (attempt {attempts} of {attempts})" if attempts > 1 else ""
        super().__init__(f"{what}{tries}: {reply.stderr.strip() or 'no reason was given'}")
        self.reply = reply
        self.code = reply.exitCode

    @property
    def error(self) -> str:
        """The worker's name for what happened, such as PageError."""
        return str((self.reply.result or {}).get("error", "WorkerFailed"))


@dataclass
class Outcome:
    """A finished render. stitched: what the stitch said; seconds: real time by stage."""

    job: JobSpec
    job_path: str
    cached: int
    stitched: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)


def worth_another(reply: Reply) -> bool:
    """Whether the same stage may succeed when it is tried again."""
    return reply.exitCode not in (ExitCode.DONE, ExitCode.USER_ERROR)


class Driver:
    """Renders one request on a target that is deployed.

    retries: further attempts at a stage that failed for another reason than the user's input.
    """

    def __init__(
        self, target: Target, deployment: Deployment, store: ArtifactStore, listener: Listener, retries: int
    ) -> None:
        self._target = target
        self._slots = deployment.slots
        self._store = store
        self._listener = listener
        self._retries = retries
        self._seconds: dict[str, float] = {}

    async def render(self, request: RenderRequest) -> Outcome:
        """Plan, chunks, stitch.

        Raises:
            StageFailed: one of them failed for good.
        """
        plan, job = await self.plan(request)
        try:
            return await self._finish(plan, job)
        except StageFailed as failure:
            if failure.error != "SeamMismatch" or request.composition.seeking != "Auto":
                raise
        self._listener.say(
            "The page keeps state from frame to frame, which the plan could not see. "
            "Planning again with --seeking Stateful."
        )
        composition = request.composition.model_copy(update={"seeking": "Stateful"})
        return await self._finish(*await self.plan(request.model_copy(update={"composition": composition})))

    async def plan(self, request: RenderRequest) -> tuple[dict[str, Any], JobSpec]:
        """The plan's result and the job it wrote."""
        data = request.model_dump_json().encode()
        key = f"requests/{hashlib.sha256(data).hexdigest()}.json"
        await asyncio.to_thread(self._store.put, key, data)
        payload = Payload(jobPath=self._store.url + key, stage=Stage.PLAN)
        with self._timed(Stage.PLAN):
            plan = await self._attempts("the plan failed", payload)
            _, job = await asyncio.to_thread(read_job, plan["jobPath"])
        return plan, job

    async def _finish(self, plan: dict[str, Any], job: JobSpec) -> Outcome:
        bitmap = int(plan["cached"], 16)
        cached = {chunk.id for chunk in job.chunks if bitmap >> chunk.id & 1}
        self._listener.planned(job, cached)
        wanted = [chunk.id for chunk in job.chunks if chunk.id not in cached]
        stitch = Payload(jobPath=plan["jobPath"], stage=Stage.STITCH)
        for round_ in range(STITCH_ROUNDS):
            with self._timed(Stage.CHUNK):
                await self._chunks(plan["jobPath"], wanted)
            try:
                with self._timed(Stage.STITCH):
                    stitched = await self._attempts("the stitch failed", stitch)
                break
            except StageFailed as failure:
                wanted = list((failure.reply.result or {}).get("badChunks", []))
                if not wanted or round_ == STITCH_ROUNDS - 1:
                    raise
                self._listener.say(f"{failure.reply.stderr}. Rendering {'it' if len(wanted) == 1 else 'them'} again.")
                for index in wanted:
                    self._listener.failed(index, "damaged")
        return Outcome(job, plan["jobPath"], len(cached), stitched, self._seconds)

    async def _chunks(self, job_path: str, wanted: list[int]) -> None:
        """Renders these chunks, lowest first, as many at once as the target takes."""
        if not wanted:
            return
        waiting = iter(wanted)

        async def work() -> None:
            for index in waiting:
                payload = Payload(jobPath=job_path, chunkIndex=index)
                await self._attempts(f"chunk {index} failed", payload)
                self._listener.finished(index)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._slots, len(wanted))):
                    group.create_task(work())
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _attempts(self, what: str, payload: Payload) -> dict[str, Any]:
        """Invokes a stage until it is done, is the user's mistake, or has failed often enough."""
        for attempt in range(1, self._retries + 2):
            reply = await self._target.invoke(payload.model_copy(update={"attempt": attempt}))
            if reply.exitCode == ExitCode.DONE:
                return reply.result or {}
            again = worth_another(reply) and "badChunks" not in (reply.result or {})
            if not again or attempt > self._retries:
                raise StageFailed(what, reply, attempt)
            if payload.stage is Stage.CHUNK:
                self._listener.failed(payload.chunkIndex, reply.stderr)
            self._listener.say(f"{what}, trying again: {reply.stderr.strip()}")
            await asyncio.sleep(BACK_OFF_SECONDS[min(attempt, len(BACK_OFF_SECONDS)) - 1])
        raise AssertionError("unreachable")

    @contextmanager
    def _timed(self, stage: Stage) -> Iterator[None]:
        self._listener.stage(stage)
        started = time.monotonic()
        try:
            yield
        finally:
            self._seconds[stage.value] = self._seconds.get(stage.value, 0.0) + time.monotonic() - started
