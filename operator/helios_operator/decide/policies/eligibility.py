"""Which targets can run which stage, and which of them a RenderJob's stages are run on."""

from collections.abc import Sequence

from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.wire import Stage
from helios_operator.model.config import BUILT_IN, DEFAULT_USES, Config
from helios_operator.model.locations import store_url
from helios_operator.model.state import ObservedJob


def is_offload(target: RenderTargetSpec) -> bool:
    """Whether it runs outside of the cluster."""
    return target.kubernetes is None


def needs_bucket(job: ObservedJob, target: RenderTargetSpec, config: Config) -> bool:
    """Whether it cannot reach the artifacts: a volume is only there for pods."""
    return is_offload(target) and store_url(job, config).startswith("file:")


def can_run(target: RenderTargetSpec, stage: Stage, job: ObservedJob) -> bool:
    """Whether a target can run a stage at all.

    A job of Cloud Run hands back nothing but an exit code, which proves a chunk and tells nothing of a plan or film.
    The plan of what lies in the cluster needs a pod, which is given it as files.
    """
    if not is_offload(target) or stage is Stage.CHUNK:
        return True
    if target.cloudRun is not None and target.cloudRun.job is not None:
        return False
    source = job.spec.composition
    is_remote = source.url is not None and not source.url.startswith("file:")
    return stage is Stage.STITCH or (is_remote and not source.propsFrom)


def homes(job: ObservedJob, stage: Stage, config: Config) -> Sequence[str]:
    """The targets that can run a stage of this job, in order of preference.

    The plan and the stitch of a job whose own targets cannot run them are the built-in target's.
    """
    named = [use.name for use in job.spec.execution.targets or DEFAULT_USES if use.name in config.targets]
    found = [
        name
        for name in named
        if can_run(config.targets[name], stage, job) and not needs_bucket(job, config.targets[name], config)
    ]
    if found or stage is Stage.CHUNK:
        return found
    built_in = config.targets.get(BUILT_IN)
    return [BUILT_IN] if built_in is not None and not is_offload(built_in) else []
