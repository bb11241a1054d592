"""Writes to the API server: a status, a Job with its inputs, a deletion. The operator may die after any of them."""

from typing import Any

import structlog

from helios_crds.renderjob_status import RenderJobStatus
from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.wire import Stage
from helios_operator import metrics
from helios_operator.kube import paths
from helios_operator.kube.client import ApiError, Client
from helios_operator.manifests.job import attempt_job
from helios_operator.manifests.request import artifact_claim, page_config_map
from helios_operator.model.config import Config
from helios_operator.model.decision import StartAttempt, StopAttempt
from helios_operator.model.locations import uses_own_store
from helios_operator.model.observation import JobRef, NameConflict, ObservedJob, Places
from helios_operator.observed.children import Children
from helios_operator.observed.parse import owner_uid

log = structlog.stdlib.get_logger(__name__)
Object = dict[str, Any]


class NameInUse(Exception):
    """An object of another owner has a child's name. That object is left unchanged."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name}")
        self.kind = kind
        self.name = name


class Actions:
    """Writes for RenderJobs. Answers of the API server go into the cache at once."""

    def __init__(self, client: Client, children: Children) -> None:
        self._client = client
        self._children = children

    async def write_status(self, job: JobRef, status: RenderJobStatus, resource_version: str) -> Object:
        """Replaces the status, if the RenderJob still has the observed version.

        Raises:
            ApiError: with status 409 if the RenderJob has changed, or for any other failure.
        """
        fields = status.model_dump(mode="json")
        body = {"metadata": {"resourceVersion": resource_version, "uid": job.uid}, "status": fields}
        return await self._client.patch(f"{paths.render_jobs(job.namespace)}/{job.name}/status", body)

    async def find(self, job: JobRef) -> Object | None:
        """The RenderJob as it is now; None if it is gone, even if another one has its name."""
        try:
            body = await self._client.get(f"{paths.render_jobs(job.namespace)}/{job.name}")
        except ApiError as error:
            if error.reason != "NotFound":  # a path that is not served yet gives a 404 without a reason
                raise
            return None
        return body if body["metadata"]["uid"] == job.uid else None

    async def start(
        self, job: ObservedJob, start: StartAttempt, target: RenderTargetSpec, places: Places, config: Config
    ) -> None:
        """Creates an attempt's Job, and before a plan its ConfigMap and claim.

        Raises:
            NameInUse: another owner has the name.
        """
        if start.work.stage is Stage.PLAN:
            await self.prepare(job, config)
        body = await self._create(paths.jobs(job.namespace), attempt_job(job, start, target, places, config), job)
        self._children.expect_job(body)
        metrics.STARTED.labels(start.work.stage, start.target).inc()
        log.info("started", **about(job), work=str(start.work), attempt=start.number, target=start.target)

    async def stop(self, job: ObservedJob, stop: StopAttempt) -> None:
        """Deletes an attempt's Job with its pod."""
        await self._client.delete(f"{paths.jobs(job.namespace)}/{stop.name}", stop.uid)
        metrics.STOPPED.inc()
        log.info("stopped", **about(job), name=stop.name, why=stop.why)

    async def prepare(self, job: ObservedJob, config: Config) -> None:
        """Creates what a plan's pod mounts, as far as it is missing.

        Raises:
            NameInUse: another owner has the name of the ConfigMap.
        """
        if job.spec.composition.inline is not None:
            await self._create(paths.core("configmaps", job.namespace), page_config_map(job), job)
        if config.store.claim and not uses_own_store(job):
            claims = paths.core("persistentvolumeclaims", job.namespace)
            try:
                await self._client.create(claims, artifact_claim(job.namespace, config))
            except ApiError as error:
                if error.reason != "AlreadyExists":
                    raise

    async def _create(self, path: str, body: Object, job: ObservedJob) -> Object:
        """Creates a child, or returns the one that this operator or its predecessor created."""
        try:
            return await self._client.create(path, body)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
        name = body["metadata"]["name"]
        existing = await self._client.get(f"{path}/{name}")
        if owner_uid(existing) != job.uid:
            raise NameInUse(body["kind"], name)
        return existing

    async def is_free(self, job: ObservedJob, conflict: NameConflict) -> bool:
        """Whether a name that conflicted is free now, or belongs to a child of this RenderJob."""
        path = paths.jobs(job.namespace) if conflict.kind == "Job" else paths.core("configmaps", job.namespace)
        try:
            return owner_uid(await self._client.get(f"{path}/{conflict.name}")) == job.uid
        except ApiError as error:
            if error.status != 404:
                raise
            return True


def about(job: JobRef) -> dict[str, str]:
    """The fields of every log line about a RenderJob."""
    return {"render_job": f"{job.namespace}/{job.name}"}
