"""A Cloud Run job as a target: one execution for each chunk, begun, looked at now and then, and cancelled at need.

An execution outlives whoever began it: an operator that starts anew asks for its outcome by name. It can hand back an
exit code and no more, which is enough for a chunk: its manifest in the store is the result. A plan's result is the
way to everything else, and a stitch may name chunks to be rendered again, so both are refused; a service, a Lambda
function or a pod runs them.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from helios_adapters.base import Deployed
from helios_adapters.call_pool import CallPool
from helios_adapters.errors import (
    Crashed,
    NoRoom,
    OutOfMemory,
    TargetError,
    TimedOut,
    UnknownTarget,
    Unseen,
    Unsupported,
    quoted,
)
from helios_adapters.google.identity import api_clients
from helios_adapters.google.resources import CloudRunService, memory_of, shape_job
from helios_adapters.google.service import CONTROL_SECONDS, DEPLOY_SECONDS, check_ready, translated
from helios_crds.wire import ExitCode, Payload, Reply, Stage

T = TypeVar("T")

KEY = "HELIOS_EXECUTION_KEY"
"""Variable of an execution by which whoever began it finds it again."""
CALLS = 16
LISTED = 1000


@dataclass(frozen=True)
class CloudRunJobConfig:
    """Which job, and how many executions of it at once.

    job: what it is to be like; None: it is there, and is taken as it is. poll: seconds between two looks of `invoke`.
    """

    name: str
    region: str
    project: str
    slots: int = 100
    job: CloudRunService | None = None
    poll: float = 5.0

    @property
    def where(self) -> str:
        """For people: which job."""
        return f"Cloud Run job {self.name} in {self.region} of {self.project}"

    @property
    def resource(self) -> str:
        """Its name in the API."""
        return f"projects/{self.project}/locations/{self.region}/jobs/{self.name}"


class CloudRunJobs:
    """Deploys one job and runs it."""

    def __init__(self) -> None:
        self._config = CloudRunJobConfig("", "", "")
        self._turns = asyncio.Semaphore(CALLS)
        self._calls = CallPool(0, "Cloud Run")
        self._jobs: Any = None
        self._executions: Any = None
        self._tasks: Any = None
        self._active = 0

    async def deploy(self, config: CloudRunJobConfig) -> Deployed:
        """Makes the job ready, or finds out that it is.

        Raises:
            TargetError: why it cannot be run.
        """
        self._config = config
        self._calls = CallPool(8 * CALLS, config.where)
        changes, memory = await self._called(self._ensure, DEPLOY_SECONDS)
        return Deployed(config.where, config.slots, config.resource, changes, memory)

    async def begin(self, payload: Payload, key: str) -> str:
        """Begins an execution. key: what `find` finds it by.

        Returns:
            Its name, for `outcome` and `cancel`.

        Raises:
            Unsupported: the payload is no chunk.
            NoRoom, Unusable, WorkerLost: it was not begun, or nobody knows: begin it again.
        """
        if payload.stage is not Stage.CHUNK:
            raise Unsupported(
                f"a job cannot hand back the result of a {payload.stage}",
                where=self._config.where,
                remedy="have a service, a function or a pod run it",
            )
        return await self._called(lambda: self._run(payload, key))

    async def outcome(self, name: str) -> Reply | None:
        """How an execution ended; None while it goes on. Exit code 0 is all that there is to a chunk that is done.

        Raises:
            WorkerLost: it ended without an exit code, or it is gone.
            Unseen: it could not be looked at.
        """
        try:
            execution, task = await self._called(lambda: self._look_at(name))
        except UnknownTarget:
            raise Crashed(f"there is no execution {name} any more", where=self._config.where) from None
        except TargetError as error:
            raise Unseen(error.message, where=self._config.where, remedy=error.remedy) from error
        return self._verdict(execution, task)

    async def cancel(self, name: str) -> None:
        """Has an execution end, if it has not. Returns before it does: `outcome` says when."""
        await self._called(lambda: self._cancel(name))

    async def find(self, keys: Collection[str]) -> dict[str, str]:
        """Names of executions under way by their keys, the newest of each, among the job's last LISTED ones.

        For whoever may have died between `begin` and making a note of the name. One that has ended is not found: what
        it did is in the store, and a key may be given again after it.
        """
        return await self._called(lambda: self._list(frozenset(keys)))

    async def invoke(self, payload: Payload) -> Reply:
        """Begins an execution and waits for its outcome; one that is cancelled here is cancelled there.

        Raises:
            NoRoom, Unusable, WorkerLost: see adapters.errors.
        """
        if self._active >= self._config.slots:
            raise NoRoom(f"{self._active} executions are under way, and no more at once", where=self._config.where)
        self._active += 1
        beginning = asyncio.ensure_future(self.begin(payload, ""))
        try:
            name = await asyncio.shield(beginning)
            while (reply := await self._outcome_if_seen(name)) is None:  # noqa: ASYNC110 - nothing tells of an end
                await asyncio.sleep(self._config.poll)
            return reply
        except asyncio.CancelledError:
            with contextlib.suppress(TargetError):
                await self.cancel(await beginning)  # it may begin only now
            raise
        finally:
            self._active -= 1

    async def _outcome_if_seen(self, name: str) -> Reply | None:
        with contextlib.suppress(Unseen):
            return await self.outcome(name)
        return None

    async def close(self) -> None:
        """Nothing: executions outlive us, connections end with us."""

    async def _called(self, call: Callable[[], T], seconds: float = CONTROL_SECONDS) -> T:
        async with self._turns:
            return await self._calls.run(lambda: translated(call, self._config.where, seconds))

    def _ensure(self) -> tuple[tuple[str, ...], float]:
        config = self._config
        self._jobs, self._executions, self._tasks = api_clients(
            config.where, "JobsClient", "ExecutionsClient", "TasksClient"
        )
        from google.api_core.exceptions import AlreadyExists, NotFound
        from google.cloud import run_v2

        parent = config.resource.rpartition("/jobs/")[0]
        changes: tuple[str, ...] = ()
        try:
            job = self._jobs.get_job(name=config.resource, timeout=CONTROL_SECONDS)
        except NotFound:
            if config.job is None:
                raise
            job = run_v2.Job()
            shape_job(job, config.job)
            changes = ("created",)
            try:
                job = self._jobs.create_job(parent=parent, job=job, job_id=config.name).result(timeout=DEPLOY_SECONDS)
            except AlreadyExists:  # somebody else was faster
                job, changes = self._jobs.get_job(name=config.resource, timeout=CONTROL_SECONDS), ()
        if config.job is not None and not changes:
            changes = shape_job(job, config.job)
            if changes:
                job = self._jobs.update_job(job=job).result(timeout=DEPLOY_SECONDS)
        check_ready(job, config.where)
        return changes, memory_of(job.template.template)

    def _run(self, payload: Payload, key: str) -> str:
        from google.cloud import run_v2

        override = run_v2.RunJobRequest.Overrides.ContainerOverride(
            args=[payload.stage.value, payload.jobPath, str(payload.chunkIndex), "--attempt", str(payload.attempt)],
            env=[run_v2.EnvVar(name=KEY, value=key)] if key else [],
        )
        request = run_v2.RunJobRequest(
            name=self._config.resource,
            overrides=run_v2.RunJobRequest.Overrides(container_overrides=[override], task_count=1),
        )
        return str(self._jobs.run_job(request=request, timeout=CONTROL_SECONDS).metadata.name)

    def _look_at(self, name: str) -> tuple[Any, Any]:
        """An execution, and its task if it failed."""
        execution = self._executions.get_execution(name=name, timeout=CONTROL_SECONDS)
        if not execution.completion_time or execution.succeeded_count or execution.cancelled_count:
            return execution, None
        tasks = self._tasks.list_tasks(parent=execution.name, timeout=CONTROL_SECONDS)
        return execution, next(iter(tasks), None)

    def _verdict(self, execution: Any, task: Any) -> Reply | None:
        if not execution.completion_time:
            return None
        if execution.succeeded_count:
            return Reply(exitCode=ExitCode.DONE)
        if execution.cancelled_count:
            return Reply(exitCode=ExitCode.TERMINATED, stderr=f"{self._config.where}: the execution was cancelled")
        return self._failure(execution, task)

    def _failure(self, execution: Any, task: Any) -> Reply:
        """What is known of a failure: the task's exit code, Cloud Run's message, and where the worker's log is."""
        where = self._config.where
        said = next((each.message for each in execution.conditions if each.type_ == "Completed"), "")
        text = f"{quoted(said) or 'it failed'} (log: {quoted(execution.log_uri)})"
        result = task.last_attempt_result if task is not None else None
        if result is not None and result.exit_code and not result.term_signal:
            return Reply(exitCode=result.exit_code, stderr=f"{where}: {text}")
        what = f"{said} {result.status.message if result is not None else ''}".lower()
        if "memory" in what or (result is not None and result.term_signal == 9):
            raise OutOfMemory(text, where=where, remedy="give the job more memory")
        if "timeout" in what or "timed out" in what or "deadline" in what:
            raise TimedOut(text, where=where, remedy="raise the job's timeout, or cut smaller chunks")
        raise Crashed(text, where=where)

    def _cancel(self, name: str) -> None:
        from google.api_core.exceptions import BadRequest, Conflict, NotFound

        with contextlib.suppress(NotFound, BadRequest, Conflict):  # it has ended, or is gone
            self._executions.cancel_execution(name=name, timeout=CONTROL_SECONDS)

    def _list(self, keys: frozenset[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        listed = self._executions.list_executions(parent=self._config.resource, timeout=CONTROL_SECONDS)
        for execution in islice(listed, LISTED):
            if execution.completion_time:
                continue
            for container in execution.template.containers:
                for variable in container.env:
                    if variable.name == KEY and variable.value in keys:
                        found.setdefault(variable.value, execution.name)
        return found
