"""A Cloud Run job as a target: one execution for each chunk, which is started, polled, and cancelled if needed.

An execution outlives the process that started it: a restarted operator finds it by its key and waits on. An execution
returns only an exit code, which is enough for a chunk. A plan and a stitch must return results, so they are rejected
here and run on a service, a Lambda function or a pod.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from helios_adapters.base import CloudAdapter, Deployment
from helios_adapters.errors import NoCapacity, TargetError, Unseen, Unsupported
from helios_adapters.google.job_api import JobApi
from helios_adapters.google.resources import CloudRunService
from helios_crds.backoff import Backoff
from helios_crds.wire import Payload, Reply, Stage

log = logging.getLogger(__name__)
POLL_SECONDS, LONGEST_POLL_SECONDS = 2.0, 30.0
"""Seconds between two polls of an execution, and at most between two failed polls."""
UNSEEN_SECONDS = 600.0
"""After so many seconds of failed polls, the wait for a cancelled execution ends."""


@dataclass(frozen=True)
class CloudRunJobConfig:
    """A job, and how many executions it runs at once.

    job: the wanted settings; None: the job exists and is used as it is.
    """

    name: str
    region: str
    project: str
    slots: int = 100
    job: CloudRunService | None = None

    @property
    def where(self) -> str:
        """The job, for people."""
        return f"Cloud Run job {self.name} in {self.region} of {self.project}"

    @property
    def resource(self) -> str:
        """The job's name in the API."""
        return f"projects/{self.project}/locations/{self.region}/jobs/{self.name}"


class CloudRunJobAdapter(CloudAdapter[CloudRunJobConfig]):
    """Deploys one job and runs it.

    api: of the job; None: `deploy` creates it. poll: seconds between two polls of an execution.
    """

    def __init__(self, api: JobApi | None = None, poll: float = POLL_SECONDS) -> None:
        self.api = api or JobApi("", "Cloud Run")
        self._where = "Cloud Run"
        self._slots = 100
        self._pause = Backoff(base=poll, cap=LONGEST_POLL_SECONDS)
        self._active = 0
        self._keys: set[str] = set()
        self._cancelled: set[str] = set()

    async def deploy(self, config: CloudRunJobConfig) -> Deployment:
        """Makes the job ready, or checks that it is.

        Raises:
            TargetError: the job cannot be run.
        """
        self._where, self._slots = config.where, config.slots
        self.api = JobApi(config.resource, config.where)
        changes, memory = await self.api.ensure(config.job)
        return Deployment(config.where, config.slots, memory, config.resource, changes)

    async def invoke(self, payload: Payload, key: str = "") -> Reply:
        """Starts an execution and waits for its end. If the caller is cancelled, one without a key is cancelled too.

        Raises:
            Unsupported: the payload is not a chunk.
            NoCapacity, Unusable, WorkerLost: see helios_adapters.errors.
            Unseen: the execution was cancelled and could not be polled for UNSEEN_SECONDS.
        """
        if payload.stage is not Stage.CHUNK:
            raise Unsupported(
                f"a job cannot return the result of a {payload.stage}",
                where=self._where,
                remedy="run it on a service, a function or a pod",
            )
        if self._active >= self._slots:
            raise NoCapacity(f"{self._active} executions are under way: that is the limit", where=self._where)
        with self._under_way(key):
            if key:
                return await self._outcome(await self.api.begin(payload, key), key)
            return await self._unnamed(payload)

    async def resume(self, key: str) -> Reply | None:
        """Waits for the end of the newest running execution with a key.

        Raises:
            TargetError: the search failed, or as for invoke.
        """
        with self._under_way(key):
            name = await self.api.find(key)
            return None if name is None else await self._outcome(name, key)

    def cancel(self, key: str) -> bool:
        """Has the execution cancelled, with retries. `invoke` or `resume` returns once it has ended."""
        if key not in self._keys:
            return False
        self._cancelled.add(key)
        return True

    @contextlib.contextmanager
    def _under_way(self, key: str) -> Iterator[None]:
        self._active += 1
        if key:
            self._keys.add(key)
        try:
            yield
        finally:
            self._active -= 1
            self._keys.discard(key)
            self._cancelled.discard(key)

    async def _unnamed(self, payload: Payload) -> Reply:
        """Runs an execution without a key. It is cancelled with its caller, since it could not be found again."""
        beginning = asyncio.ensure_future(self.api.begin(payload, ""))
        try:
            return await self._outcome(await asyncio.shield(beginning), "")
        except asyncio.CancelledError:
            with contextlib.suppress(TargetError):
                await self.api.cancel(await beginning)  # it may have started only now
            raise

    async def _outcome(self, name: str, key: str) -> Reply:
        """Polls an execution until it has ended. Failed polls are repeated, unless it was cancelled."""
        clock, is_cancelled, unseen = asyncio.get_running_loop().time, False, 0
        seen_at = clock()
        while True:
            if key in self._cancelled and not is_cancelled:
                is_cancelled = await self._try_to_cancel(name)
            try:
                if (reply := await self.api.outcome(name)) is not None:
                    return reply
                seen_at, unseen = clock(), 0
            except Unseen:
                if key in self._cancelled and clock() - seen_at > UNSEEN_SECONDS:
                    raise
                unseen += 1
            await asyncio.sleep(self._pause.seconds(1 + unseen))

    async def _try_to_cancel(self, name: str) -> bool:
        """Requests the cancellation. Returns whether that worked; if not, the next poll repeats it."""
        try:
            await self.api.cancel(name)
        except TargetError as error:
            log.warning("the cancellation of an execution failed and is repeated: %s: %s", name, error)
            return False
        return True
