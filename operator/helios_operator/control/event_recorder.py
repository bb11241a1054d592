"""Events for people, best effort: written in the background, and what is said again is counted, not repeated.

The counting is client-go's: the Event that is known gets a higher `count` and a new `lastTimestamp`.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from helios_crds.base import API_VERSION
from helios_operator import metrics
from helios_operator.kube import paths
from helios_operator.kube.client import ApiError, Client
from helios_operator.manifests.names import KIND, MANAGER
from helios_operator.model.decision import Announcement
from helios_operator.model.observation import JobRef

log = structlog.stdlib.get_logger(__name__)
Object = dict[str, Any]
MAX_PENDING = 1000
MAX_KNOWN = 64
MAX_JOBS = 1024
MAX_MESSAGE = 1024


@dataclass(frozen=True)
class _Written:
    """An Event that was written. count: how often it was said."""

    name: str
    count: int


@dataclass(frozen=True)
class _Key:
    """What is the same when it is said again."""

    kind: str
    reason: str
    topic: str


class EventRecorder:
    """Writes Events about RenderJobs. What it knows of earlier ones is bounded, per RenderJob and in all."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._pending: asyncio.Queue[tuple[JobRef, Announcement, datetime]] = asyncio.Queue(MAX_PENDING)
        self._written: OrderedDict[str, OrderedDict[_Key, _Written]] = OrderedDict()

    def say(self, job: JobRef, said: Announcement) -> None:
        """Has an Event written soon. One too many is dropped: nothing waits for Events."""
        if said.kind == "Warning":
            metrics.WARNINGS.labels(said.reason).inc(said.times)
        try:
            self._pending.put_nowait((job, said, self._client.now))
        except asyncio.QueueFull:
            log.warning("an event was dropped", uid=job.uid, reason=said.reason)

    async def run(self) -> None:
        """Writes until it is cancelled."""
        while True:
            job, said, at = await self._pending.get()
            try:
                await self._write(job, said, at.strftime("%Y-%m-%dT%H:%M:%SZ"))
            except ApiError as error:
                log.warning("an event was not written", uid=job.uid, reason=said.reason, error=str(error))
            except Exception:
                log.exception("an event was not written", uid=job.uid, reason=said.reason)

    async def _write(self, job: JobRef, said: Announcement, at: str) -> None:
        path, key = paths.core("events", job.namespace), _Key(said.kind, said.reason, said.topic or said.message)
        known = self._known(job.uid)
        before = known.pop(key, None)
        written = await self._count(path, before, said, at) if before else None
        if written is None:
            body = await self._client.create(path, _event(job, said, at))
            written = _Written(body["metadata"]["name"], 1)
        known[key] = written
        if len(known) > MAX_KNOWN:
            known.popitem(last=False)

    async def _count(self, path: str, before: _Written, said: Announcement, at: str) -> _Written | None:
        """Raises the count of an Event; None if it is not there any more: the API server keeps them for an hour."""
        fields = {"count": before.count + 1, "lastTimestamp": at, "message": said.message[:MAX_MESSAGE]}
        try:
            await self._client.patch(f"{path}/{before.name}", fields)
        except ApiError as error:
            if error.status != 404:
                raise
            return None
        return _Written(before.name, before.count + 1)

    def _known(self, uid: str) -> OrderedDict[_Key, _Written]:
        known = self._written.setdefault(uid, OrderedDict())
        self._written.move_to_end(uid)
        if len(self._written) > MAX_JOBS:
            self._written.popitem(last=False)
        return known


def _event(job: JobRef, said: Announcement, at: str) -> Object:
    reference = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": job.name,
        "namespace": job.namespace,
        "uid": job.uid,
    }
    return {
        "metadata": {"generateName": f"{job.name[:50].rstrip('.-')}-", "namespace": job.namespace},
        "involvedObject": reference,
        "type": said.kind,
        "reason": said.reason,
        "message": said.message[:MAX_MESSAGE],
        "source": {"component": MANAGER},
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }
