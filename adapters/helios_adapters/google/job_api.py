"""Cloud Run's API for one job: the job itself, and its executions by name. Each call runs in a thread.

An execution returns only an exit code. That is enough for a chunk, whose result is its manifest in the store.
"""

import asyncio
import contextlib
from collections.abc import Callable
from itertools import islice
from typing import Any, TypeVar

from helios_adapters.call_pool import CallPool
from helios_adapters.errors import Crashed, OutOfMemory, TargetError, TimedOut, UnknownTarget, Unseen, quoted
from helios_adapters.google.identity import api_clients
from helios_adapters.google.resources import CloudRunService, memory_of, shape_job
from helios_adapters.google.service import CONTROL_SECONDS, DEPLOY_SECONDS, check_ready, translated
from helios_crds.wire import ExitCode, Payload, Reply

T = TypeVar("T")

KEY = "HELIOS_EXECUTION_KEY"
"""Environment variable of an execution, by which a later process finds it."""
CALLS = 16
"""Concurrent calls. More calls wait for a slot: that takes seconds and is no reason to reject an attempt."""
LISTED = 1000


class JobApi:
    """One job.

    resource: the job's name in the API. where: the job, for people.
    """

    def __init__(self, resource: str, where: str) -> None:
        self._resource = resource
        self._where = where
        self._slots = asyncio.Semaphore(CALLS)
        self._calls = CallPool(8 * CALLS, where)
        self._jobs: Any = None
        self._executions: Any = None
        self._tasks: Any = None

    async def ensure(self, wanted: CloudRunService | None) -> tuple[tuple[str, ...], float]:
        """Makes the job ready, or checks that it is. wanted: its settings; None: the job is used as it is.

        Returns:
            The changes in words, and the GiB of a worker.

        Raises:
            TargetError: the job cannot be run.
        """
        return await self._called(lambda: self._ensure(wanted), DEPLOY_SECONDS)

    async def begin(self, payload: Payload, key: str) -> str:
        """Starts an execution. key: for `find`; "": it will not be searched for.

        Returns:
            The execution's name, for `outcome` and `cancel`.

        Raises:
            NoCapacity, Unusable, WorkerLost: it was not started, or that is unknown: start it again.
        """
        return await self._called(lambda: self._run(payload, key))

    async def outcome(self, name: str) -> Reply | None:
        """The outcome of an execution; None while it runs. The reply to a finished chunk has only exit code 0.

        Raises:
            WorkerLost: it ended without an exit code, or it is gone.
            Unseen: the state of the execution could not be read.
        """
        try:
            execution, task = await self._called(lambda: self._state_of(name))
        except UnknownTarget:
            raise Crashed(f"the execution {name} is gone", where=self._where) from None
        except TargetError as error:
            raise Unseen(error.message, where=self._where, remedy=error.remedy) from error
        return self._verdict(execution, task)

    async def cancel(self, name: str) -> None:
        """Requests the end of an execution. Returns before it has ended, which `outcome` shows.

        Raises:
            TargetError: the request failed.
        """
        await self._called(lambda: self._cancel(name))

    async def find(self, key: str) -> str | None:
        """Name of the newest running execution with a key, among the job's last LISTED executions.

        It serves a process whose predecessor died after `begin`. Ended executions are skipped: their result is in the
        store, and their key may be used again.

        Raises:
            TargetError: the executions could not be listed.
        """
        return await self._called(lambda: self._find(key))

    async def _called(self, call: Callable[[], T], seconds: float = CONTROL_SECONDS) -> T:
        async with self._slots:
            return await self._calls.run(lambda: translated(call, self._where, seconds))

    def _ensure(self, wanted: CloudRunService | None) -> tuple[tuple[str, ...], float]:
        self._jobs, self._executions, self._tasks = api_clients(
            self._where, "JobsClient", "ExecutionsClient", "TasksClient"
        )
        from google.api_core.exceptions import AlreadyExists, NotFound
        from google.cloud import run_v2

        parent, _, job_id = self._resource.rpartition("/jobs/")
        changes: tuple[str, ...] = ()
        try:
            job = self._jobs.get_job(name=self._resource, timeout=CONTROL_SECONDS)
        except NotFound:
            if wanted is None:
                raise
            job = run_v2.Job()
            shape_job(job, wanted)
            changes = ("created",)
            try:
                job = self._jobs.create_job(parent=parent, job=job, job_id=job_id).result(timeout=DEPLOY_SECONDS)
            except AlreadyExists:  # another process was faster
                job, changes = self._jobs.get_job(name=self._resource, timeout=CONTROL_SECONDS), ()
        if wanted is not None and not changes:
            changes = shape_job(job, wanted)
            if changes:
                job = self._jobs.update_job(job=job).result(timeout=DEPLOY_SECONDS)
        check_ready(job, self._where)
        return changes, memory_of(job.template.template)

    def _run(self, payload: Payload, key: str) -> str:
        from google.cloud import run_v2

        override = run_v2.RunJobRequest.Overrides.ContainerOverride(
            args=[payload.stage.value, payload.jobPath, str(payload.chunkIndex), "--attempt", str(payload.attempt)],
            env=[run_v2.EnvVar(name=KEY, value=key)] if key else [],
        )
        request = run_v2.RunJobRequest(
            name=self._resource,
            overrides=run_v2.RunJobRequest.Overrides(container_overrides=[override], task_count=1),
        )
        return str(self._jobs.run_job(request=request, timeout=CONTROL_SECONDS).metadata.name)

    def _state_of(self, name: str) -> tuple[Any, Any]:
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
            return Reply(exitCode=ExitCode.TERMINATED, stderr=f"{self._where}: the execution was cancelled")
        return self._failure(execution, task)

    def _failure(self, execution: Any, task: Any) -> Reply:
        """The failure of an execution: the task's exit code, Cloud Run's message, and the log's address."""
        where = self._where
        said = next((each.message for each in execution.conditions if each.type_ == "Completed"), "")
        text = f"{quoted(said) or 'the execution failed'} (log: {quoted(execution.log_uri)})"
        result = task.last_attempt_result if task is not None else None
        if result is not None and result.exit_code and not result.term_signal:
            return Reply(exitCode=result.exit_code, stderr=f"{where}: {text}")
        what = f"{said} {result.status.message if result is not None else ''}".lower()
        if "memory" in what or (result is not None and result.term_signal == 9):
            raise OutOfMemory(text, where=where, remedy="give the job more memory")
        if "timeout" in what or "timed out" in what or "deadline" in what:
            raise TimedOut(text, where=where, remedy="raise the job's timeout, or make smaller chunks")
        raise Crashed(text, where=where)

    def _cancel(self, name: str) -> None:
        from google.api_core.exceptions import BadRequest, Conflict, NotFound

        with contextlib.suppress(NotFound, BadRequest, Conflict):  # it has ended, or is gone
            self._executions.cancel_execution(name=name, timeout=CONTROL_SECONDS)

    def _find(self, key: str) -> str | None:
        listed = self._executions.list_executions(parent=self._resource, timeout=CONTROL_SECONDS)
        for execution in islice(listed, LISTED):
            variables = (each for container in execution.template.containers for each in container.env)
            if not execution.completion_time and any((each.name, each.value) == (KEY, key) for each in variables):
                return str(execution.name)
        return None
