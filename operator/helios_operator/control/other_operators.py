"""Other operators that look after the same RenderJobs, as when a release for one namespace joins one for all.

Both would decide about each RenderJob, each by its own image and store, and undo each other's status without end. So
the status names the Lease of the operator that looks after a RenderJob. Another operator leaves the RenderJob alone for
as long as that Lease is renewed, and takes it over when it has not been for some time.
"""

import asyncio
import re
from datetime import datetime, timedelta

import structlog

from helios_operator.kube import paths
from helios_operator.kube.client import ApiError, Client
from helios_operator.model import reasons
from helios_operator.model.decision import Announcement
from helios_operator.model.observation import InvalidJob, ObservedJob

log = structlog.stdlib.get_logger(__name__)
TAKEOVER = timedelta(minutes=2)
"""How long a Lease must not have been renewed. An upgrade takes much less, and keeps its RenderJobs."""
CHECK_INTERVAL = 30.0
_LEASE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
"""NAMESPACE/NAME. Anything else was written by somebody else, and would lead elsewhere in the API."""


class OtherOperators:
    """Which RenderJobs another operator looks after. own: NAMESPACE/NAME of this operator's Lease; "" without one."""

    def __init__(self, client: Client, own: str) -> None:
        self._client = client
        self._own = own
        self._alive: dict[str, tuple[float, bool]] = {}
        self._told: set[str] = set()

    async def owner(self, job: ObservedJob | InvalidJob) -> str:
        """The Lease of the other operator that looks after a RenderJob; "" if this one does.

        Raises:
            ApiError: the API server did not answer.
        """
        owner = job.status.operator
        if not _LEASE.fullmatch(owner) or owner == self._own or job.status.completionTime is not None:
            return ""
        return owner if await self._is_alive(owner) else ""

    def announcement(self, job: ObservedJob | InvalidJob, owner: str) -> Announcement | None:
        """An Event that says so, once for each RenderJob."""
        if job.uid in self._told:
            return None
        self._told.add(job.uid)
        own = f"the operator {self._own}" if self._own else "an operator without a Lease"
        text = (
            f"the operator {owner} looks after this RenderJob, so {own} leaves it alone: let only one of them manage "
            f"the namespace {job.namespace} (`namespace` in the chart's values)"
        )
        return Announcement("Warning", reasons.OTHER_OPERATOR, text)

    def forget(self, uid: str) -> None:
        """Forgets a deleted RenderJob."""
        self._told.discard(uid)

    async def _is_alive(self, lease: str) -> bool:
        clock = asyncio.get_running_loop().time
        checked_at, alive = self._alive.get(lease, (float("-inf"), False))
        if clock() - checked_at >= CHECK_INTERVAL:
            alive = await self._is_renewed(lease)
            recent = clock() - 2 * CHECK_INTERVAL
            self._alive = {name: known for name, known in self._alive.items() if known[0] > recent}
            self._alive[lease] = clock(), alive
        return alive

    async def _is_renewed(self, lease: str) -> bool:
        namespace, _, name = lease.partition("/")
        try:
            body = await self._client.get(paths.lease(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return False
            if error.status == 403:
                log.warning("the Lease of another operator cannot be read, so it is taken for alive", lease=lease)
                return True
            raise
        renewed = (body.get("spec") or {}).get("renewTime")
        try:
            at = datetime.fromisoformat(str(renewed).replace("Z", "+00:00"))
        except ValueError:
            return False
        return self._client.now - at < TAKEOVER
