"""Which targets can run which stages of a RenderJob."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.wire import Stage
from helios_operator.model.config import BUILT_IN
from helios_operator.model.observation import Observation, ObservedJob


@dataclass(frozen=True)
class Eligibility:
    """targets: by stage, in order of preference. without_store: named targets that cannot reach the artifacts."""

    targets: Mapping[Stage, Sequence[str]]
    without_store: Sequence[str] = ()


def eligibility(observation: Observation) -> Eligibility:
    """The targets of each stage.

    If none of the RenderJob's targets can run the plan or the stitch, the built-in target does.
    """
    job, specs = observation.job, observation.targets
    named = {use.name: specs[use.name] for use in job.uses if use.name in specs}
    # Only pods can mount a volume of the cluster.
    without_store = [name for name, spec in named.items() if spec.is_offload and observation.store.startswith("file:")]
    with_store = {name: spec for name, spec in named.items() if name not in without_store}
    built_in = specs.get(BUILT_IN)
    fallback = [BUILT_IN] if built_in is not None and not built_in.is_offload else []
    able_for = {stage: [name for name, spec in with_store.items() if can_run(spec, stage, job)] for stage in Stage}
    return Eligibility(
        {stage: able if able or stage is Stage.CHUNK else fallback for stage, able in able_for.items()}, without_store
    )


def can_run(target: RenderTargetSpec, stage: Stage, job: ObservedJob) -> bool:
    """Whether a target can run a stage at all.

    A Cloud Run job returns only an exit code: enough for a chunk, but not the result of a plan or a stitch.
    A plan whose composition or props are in the cluster needs a pod, which mounts them as files. So do the headers of a
    page, in chunks too: a function is never sent a Secret.
    """
    if not target.is_offload:
        return True
    if stage is Stage.CHUNK:
        return job.spec.composition.headersFrom is None
    if target.cloudRun is not None and target.cloudRun.job is not None:
        return False
    source = job.spec.composition
    url = source.jobSpec.url if source.jobSpec is not None else source.url
    is_remote = url is not None and not url.startswith("file:")
    return stage is Stage.STITCH or (is_remote and not source.propsFrom and source.headersFrom is None)
