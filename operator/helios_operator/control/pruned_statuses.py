"""Statuses that the API server has not kept whole: its definition of RenderJobs is older than this operator.

`helm upgrade` does not touch definitions. The API server drops the fields that it does not know, so the status would
differ from the decision for ever, and would be written again at each reconcile.
"""

import hashlib
from typing import Any

import structlog

from helios_crds.renderjob_status import RenderJobStatus
from helios_operator.model.observation import InvalidJob, ObservedJob

log = structlog.stdlib.get_logger(__name__)


class PrunedStatuses:
    """By RenderJob, what was written of which version came."""

    def __init__(self) -> None:
        self._written: dict[str, tuple[str, bytes]] = {}
        self._has_warned = False

    def note(self, job: ObservedJob | InvalidJob, status: RenderJobStatus, answer: dict[str, Any]) -> None:
        """Notes a write. answer: the RenderJob as the API server has it now."""
        lost = sorted(
            status.model_dump(mode="json", exclude_defaults=True).keys() - (answer.get("status") or {}).keys()
        )
        if not lost:
            self._written.pop(job.uid, None)
            return
        self._written[job.uid] = answer["metadata"]["resourceVersion"], _digest(status)
        if not self._has_warned:
            self._has_warned = True
            log.warning("the definition of RenderJobs is older than the operator: apply the chart's crds/", lost=lost)

    def is_written(self, job: ObservedJob | InvalidJob, status: RenderJobStatus) -> bool:
        """Whether the RenderJob is as the API server has left this very status."""
        known = self._written.get(job.uid)
        return known is not None and known == (job.resource_version, _digest(status))

    def forget(self, uid: str) -> None:
        """Forgets a deleted RenderJob."""
        self._written.pop(uid, None)


def _digest(status: RenderJobStatus) -> bytes:
    return hashlib.sha256(status.model_dump_json().encode()).digest()
