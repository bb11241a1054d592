"""Connects an adapter to the target of a RenderTarget's spec."""

from typing import Any

from helios_adapters.aws.adapter import LambdaAdapter, LambdaConfig
from helios_adapters.base import CloudAdapter, Deployment
from helios_adapters.google.job import CloudRunJobAdapter, CloudRunJobConfig
from helios_adapters.google.service import CloudRunAdapter, CloudRunConfig
from helios_crds.rendertarget import RenderTargetSpec


async def connect(spec: RenderTargetSpec) -> tuple[CloudAdapter[Any], Deployment]:
    """An adapter for an existing target, which is checked and not changed. The caller closes the adapter.

    Raises:
        TargetError: the target cannot be used.
        ValueError: the spec is for pods of this cluster.
    """
    adapter, config = _adapter_of(spec)
    return adapter, await adapter.deploy(config)


def _adapter_of(spec: RenderTargetSpec) -> tuple[CloudAdapter[Any], object]:
    slots, run = spec.maxConcurrent, spec.cloudRun
    if spec.aws_lambda is not None:
        return LambdaAdapter(), LambdaConfig(spec.aws_lambda.functionName, spec.aws_lambda.region, slots=slots)
    if run is None:
        raise ValueError("a target of the cluster itself needs no adapter")
    if run.job is not None:
        return CloudRunJobAdapter(), CloudRunJobConfig(run.job, run.region, run.project, slots=slots)
    assert run.service is not None, "the schema asks for one of service and job"
    config = CloudRunConfig(
        name=run.service, region=run.region, project=run.project, audience=run.audience, slots=slots
    )
    return CloudRunAdapter(), config
