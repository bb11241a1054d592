"""Writes Events in the background, best effort. A repeated Event is counted instead of written again.

The count works as in client-go: the known Event gets a higher `count` and a new `lastTimestamp`.
"""

import asyncio
from collections import OrderedDict
from contextlib import suppress
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
LAST_SECONDS = 2.0
"""An operator that an upgrade replaces would otherwise take the Events of its last seconds with it."""


@dataclass(frozen=True)
class _Written:
    """An Event that was written. count: how often it occurred."""

    name: str
    count: int


@dataclass(frozen=True)
class _Key:
    """The fields that are equal in repeated Events."""

    kind: str
    reason: str
    topic: str


class EventRecorder:
    """Writes Events about RenderJobs. Its memory of earlier Events is bounded, per RenderJob and in total."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._pending: asyncio.Queue[tuple[JobRef, Announcement, datetime]] = asyncio.Queue(MAX_PENDING)
        self._written: OrderedDict[str, OrderedDict[_Key, _Written]] = OrderedDict()

    def record(self, job: JobRef, announcement: Announcement) -> None:
        """Queues an Event. If the queue is full, the Event is dropped: nothing waits for Events."""
        if announcement.kind == "Warning":
            metrics.WARNINGS.labels(announcement.reason).inc(announcement.times)
        try:
            self._pending.put_nowait((job, announcement, self._client.now))
        except asyncio.QueueFull:
            log.warning("an Event was dropped", uid=job.uid, reason=announcement.reason)

    async def run(self) -> None:
        """Writes queued Events until it is cancelled, and then, within LAST_SECONDS, those that are still queued."""
        writing = asyncio.create_task(self._write_queued())
        try:
            await asyncio.wait({writing})
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await self._pending.join()
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _write_queued(self) -> None:
        while True:
            job, announcement, at = await self._pending.get()
            try:
                await self._write(job, announcement, at.strftime("%Y-%m-%dT%H:%M:%SZ"))
            except ApiError as error:
                log.warning("an Event was not written", uid=job.uid, reason=announcement.reason, error=str(error))
            except Exception:
                log.exception("an Event was not written", uid=job.uid, reason=announcement.reason)
            finally:
                self._pending.task_done()

    async def _write(self, job: JobRef, announcement: Announcement, at: str) -> None:
        path, key = (
            paths.core("events", job.namespace),
            _Key(announcement.kind, announcement.reason, announcement.topic or announcement.message),
        )
        known = self._known(job.uid)
        before = known.pop(key, None)
        written = await self._count(path, before, announcement, at) if before else None
        if written is None:
            body = await self._client.create(path, _event(job, announcement, at))
            written = _Written(body["metadata"]["name"], 1)
        known[key] = written
        if len(known) > MAX_KNOWN:
            known.popitem(last=False)

    async def _count(self, path: str, before: _Written, announcement: Announcement, at: str) -> _Written | None:
        """Raises the count of an Event; None if it is gone, since the API server keeps Events for an hour."""
        fields = {"count": before.count + 1, "lastTimestamp": at, "message": announcement.message[:MAX_MESSAGE]}
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


def _event(job: JobRef, announcement: Announcement, at: str) -> Object:
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
        "type": announcement.kind,
        "reason": announcement.reason,
        "message": announcement.message[:MAX_MESSAGE],
        "source": {"component": MANAGER},
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }
