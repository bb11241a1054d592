"""From a RenderTarget's spec to an adapter that can be invoked."""

from helios_adapters.aws.adapter import LambdaAdapter, LambdaConfig
from helios_adapters.base import Deployed
from helios_adapters.google.job import CloudRunJobConfig, CloudRunJobs
from helios_adapters.google.service import CloudRunAdapter, CloudRunConfig
from helios_crds.rendertarget import RenderTargetSpec

CloudTarget = LambdaAdapter | CloudRunAdapter | CloudRunJobs
"""All have `invoke` and `close`; CloudRunJobs has `begin`, `outcome`, `cancel` and `find` too."""


async def connect(spec: RenderTargetSpec) -> tuple[CloudTarget, Deployed]:
    """An adapter for what a RenderTarget names, which is looked at and not changed. It is the caller's to close.

    Raises:
        TargetError: why nobody can be sent there.
        ValueError: it is a target of this cluster.
    """
    if spec.aws_lambda is not None:
        function = LambdaAdapter()
        config = LambdaConfig(spec.aws_lambda.functionName, spec.aws_lambda.region, slots=spec.maxConcurrent)
        return function, await function.deploy(config)
    if spec.cloudRun is None:
        raise ValueError("a target of the cluster itself needs no adapter")
    run = spec.cloudRun
    if run.job is not None:
        jobs = CloudRunJobs()
        return jobs, await jobs.deploy(CloudRunJobConfig(run.job, run.region, run.project, slots=spec.maxConcurrent))
    assert run.service is not None, "the schema asks for one of service and job"
    service = CloudRunAdapter()
    return service, await service.deploy(
        CloudRunConfig(
            name=run.service,
            region=run.region,
            project=run.project,
            audience=run.audience,
            slots=spec.maxConcurrent,
        )
    )
