"""A Cloud Run job as a target: one execution for each chunk, begun, looked at now and then, and cancelled at need.

An execution outlives whoever began it: an operator that starts anew finds it by its key and waits on. It can hand back
an exit code and no more, which is enough for a chunk. A plan's result is the way to everything else, and a stitch may
name chunks to be rendered again, so both are refused; a service, a Lambda function or a pod runs them.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from helios_adapters.base import CloudAdapter, Deployment
from helios_adapters.errors import NoRoom, TargetError, Unseen, Unsupported
from helios_adapters.google.job_api import JobApi
from helios_adapters.google.resources import CloudRunService
from helios_crds.backoff import Backoff
from helios_crds.wire import Payload, Reply, Stage

log = logging.getLogger(__name__)
POLL_SECONDS, LONGEST_POLL_SECONDS = 2.0, 30.0
"""Between two looks at an execution, and the most between two that fail."""
UNSEEN_SECONDS = 600.0
"""For which an execution that was called off is looked for in vain."""


@dataclass(frozen=True)
class CloudRunJobConfig:
    """Which job, and how many executions of it at once.

    job: what it is to be like; None: it is there, and is taken as it is.
    """

    name: str
    region: str
    project: str
    slots: int = 100
    job: CloudRunService | None = None

    @property
    def where(self) -> str:
        """For people: which job."""
        return f"Cloud Run job {self.name} in {self.region} of {self.project}"

    @property
    def resource(self) -> str:
        """Its name in the API."""
        return f"projects/{self.project}/locations/{self.region}/jobs/{self.name}"


class CloudRunJobAdapter(CloudAdapter[CloudRunJobConfig]):
    """Deploys one job and runs it.

    api: of the job; None: deploy makes it. poll: seconds between two looks at an execution.
    """

    def __init__(self, api: JobApi | None = None, poll: float = POLL_SECONDS) -> None:
        self.api = api or JobApi("", "Cloud Run")
        self._where = "Cloud Run"
        self._slots = 100
        self._pause = Backoff(base=poll, cap=LONGEST_POLL_SECONDS)
        self._active = 0
        self._keys: set[str] = set()
        self._called_off: set[str] = set()

    async def deploy(self, config: CloudRunJobConfig) -> Deployment:
        """Makes the job ready, or finds out that it is.

        Raises:
            TargetError: why it cannot be run.
        """
        self._where, self._slots = config.where, config.slots
        self.api = JobApi(config.resource, config.where)
        changes, memory = await self.api.ensure(config.job)
        return Deployment(config.where, config.slots, memory, config.resource, changes)

    async def invoke(self, payload: Payload, key: str = "") -> Reply:
        """Begins an execution and waits for its end. If the caller is cancelled, one without a key is cancelled too.

        Raises:
            Unsupported: the payload is no chunk.
            NoRoom, Unusable, WorkerLost: see helios_adapters.errors.
            Unseen: it was called off and could not be looked at for UNSEEN_SECONDS.
        """
        if payload.stage is not Stage.CHUNK:
            raise Unsupported(
                f"a job cannot hand back the result of a {payload.stage}",
                where=self._where,
                remedy="have a service, a function or a pod run it",
            )
        if self._active >= self._slots:
            raise NoRoom(f"{self._active} executions are under way, and no more at once", where=self._where)
        with self._under_way(key):
            if key:
                return await self._outcome(await self.api.begin(payload, key), key)
            return await self._unnamed(payload)

    async def resume(self, key: str) -> Reply | None:
        """Waits for the end of the newest execution under way that was begun under a key.

        Raises:
            TargetError: nobody could look for it; else as for invoke.
        """
        with self._under_way(key):
            name = await self.api.find(key)
            return None if name is None else await self._outcome(name, key)

    def cancel(self, key: str) -> bool:
        """Has the execution cancelled, as often as that fails; invoke or resume returns once it has ended."""
        if key not in self._keys:
            return False
        self._called_off.add(key)
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
            self._called_off.discard(key)

    async def _unnamed(self, payload: Payload) -> Reply:
        """An execution that ends with its caller: nobody would find it again."""
        beginning = asyncio.ensure_future(self.api.begin(payload, ""))
        try:
            return await self._outcome(await asyncio.shield(beginning), "")
        except asyncio.CancelledError:
            with contextlib.suppress(TargetError):
                await self.api.cancel(await beginning)  # it may begin only now
            raise

    async def _outcome(self, name: str, key: str) -> Reply:
        """How an execution ended. One that cannot be looked at is still under way, unless it was called off."""
        clock, is_told, unseen = asyncio.get_running_loop().time, False, 0
        seen_at = clock()
        while True:
            if key in self._called_off and not is_told:
                is_told = await self._is_told_to_end(name)
            try:
                if (reply := await self.api.outcome(name)) is not None:
                    return reply
                seen_at, unseen = clock(), 0
            except Unseen:
                if key in self._called_off and clock() - seen_at > UNSEEN_SECONDS:
                    raise
                unseen += 1
            await asyncio.sleep(self._pause.seconds(1 + unseen))

    async def _is_told_to_end(self, name: str) -> bool:
        """If it could not be told, it is told again at the next look."""
        try:
            await self.api.cancel(name)
        except TargetError as error:
            log.warning("an execution is not cancelled yet: %s: %s", name, error)
            return False
        return True
