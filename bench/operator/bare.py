"""The same Jobs without an operator: each render's plan, chunks and stitch in their order, and nothing else.

What this takes is the control plane's; what an operator takes beyond is its own. Same client, same manifests, as many
requests at once as the operator makes.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from kubernetes.aio import config as client_config
from kubernetes.aio.client import ApiClient

from helios_crds.renderjob import RenderJobSpec
from helios_crds.renderjob_status import PlanStatus, RenderJobStatus
from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.wire import Stage
from helios_operator.control.executor import STARTERS
from helios_operator.kube import paths
from helios_operator.kube.client import Client, Object
from helios_operator.kube.reflector import Reflector
from helios_operator.manifests.job import attempt_job
from helios_operator.manifests.names import SELECTOR
from helios_operator.model.config import Config, Store
from helios_operator.model.decision import StartAttempt
from helios_operator.model.locations import places_of
from helios_operator.model.observation import ObservedJob
from helios_operator.model.state import PLAN, STITCH, Work

WINDOW = 500


class BareLoop:
    """Creates Jobs and hears when they are complete."""

    def __init__(self, client: Client, config: Config, name: str, target: RenderTargetSpec) -> None:
        self._client, self._config, self._name, self._target = client, config, name, target
        self._ended: dict[str, asyncio.Event] = {}
        self._places = asyncio.Semaphore(STARTERS)

    async def run(self, jobs: Sequence[ObservedJob]) -> None:
        """Renders them all."""
        watcher = Reflector(self._client, paths.jobs(), SELECTOR, self._hear, lambda uids, at: None)
        follow = asyncio.create_task(watcher.run())
        try:
            await asyncio.gather(*(self._render(job) for job in jobs))
        finally:
            follow.cancel()

    async def _render(self, job: ObservedJob) -> None:
        assert job.status.plan is not None
        await self._attempt(job, PLAN)
        window = asyncio.Semaphore(job.spec.execution.parallelism)

        async def one(index: int) -> None:
            async with window:
                await self._attempt(job, Work(Stage.CHUNK, index))

        await asyncio.gather(*(one(index) for index in range(job.status.plan.chunks)))
        await self._attempt(job, STITCH)

    async def _attempt(self, job: ObservedJob, work: Work) -> None:
        places = places_of(job, {self._name: self._target}, self._config)
        body = attempt_job(job, StartAttempt(work, 1, self._name), self._target, places, self._config)
        del body["metadata"]["ownerReferences"]  # to objects that are not there: they would be collected
        ended = self._ended[f"{job.namespace}/{body['metadata']['name']}"] = asyncio.Event()
        async with self._places:
            await self._client.create(paths.jobs(job.namespace), body)
        await ended.wait()

    def _hear(self, _: str, body: Object) -> None:
        if _is_complete(body):
            self._ended[f"{body['metadata']['namespace']}/{body['metadata']['name']}"].set()


def _is_complete(body: Object) -> bool:
    found = (body.get("status") or {}).get("conditions") or ()
    return any(item["type"] == "Complete" and item["status"] == "True" for item in found)


async def bare(kubeconfig: Path, renders: Sequence[Mapping[str, Object]], target: Object, chunks: int) -> None:
    """Runs the loop over the Jobs of RenderJobs, which are given as manifests with a UID."""
    await client_config.load_kube_config(str(kubeconfig))  # type: ignore[no-untyped-call]
    name = target["metadata"]["name"]
    config, spec = Config(store=Store(url="s3://fake/", claim="")), RenderTargetSpec.model_validate(target["spec"])
    plan = PlanStatus(jobPath="s3://fake/jobs/0/job.json", jobId="0" * 16, frames=chunks * 30, chunks=chunks)
    jobs = [
        ObservedJob(
            name=render["metadata"]["name"],
            namespace=render["metadata"]["namespace"],
            uid=render["metadata"]["uid"],
            generation=1,
            spec=RenderJobSpec.model_validate(render["spec"]),
            status=RenderJobStatus(plan=plan),
        )
        for render in renders
    ]
    async with ApiClient() as api:
        await BareLoop(Client(api), config, name, spec).run(jobs)
