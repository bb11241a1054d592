"""Which targets can run which stages of a RenderJob, and why the others cannot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.wire import Stage
from helios_operator.model.config import BUILT_IN
from helios_operator.model.observation import Observation, ObservedJob

NO_SECRETS = "the Secret of spec.composition.headersFrom is given to pods alone"


@dataclass(frozen=True)
class Eligibility:
    """Where a RenderJob can run.

    targets: by stage, in order of preference. without_store: named targets that cannot reach the artifacts.
    unfit: for each stage, why the other named targets cannot run it.
    """

    targets: Mapping[Stage, Sequence[str]]
    without_store: Sequence[str] = ()
    unfit: Mapping[Stage, Mapping[str, str]] = field(default_factory=dict)


def eligibility(observation: Observation) -> Eligibility:
    """The targets of each stage.

    If none of the RenderJob's targets can run the plan or the stitch, the built-in target does.
    """
    job, specs = observation.job, observation.targets
    named = {use.name: specs[use.name] for use in job.uses if use.name in specs}
    reasons = {stage: {name: why_unfit(spec, stage, job) for name, spec in named.items()} for stage in Stage}
    # Only pods can mount a volume of the cluster.
    cut_off = [name for name, spec in named.items() if spec.is_offload and observation.store.startswith("file:")]
    built_in = specs.get(BUILT_IN)
    fallback = [BUILT_IN] if built_in is not None and not built_in.is_offload else []
    able_for = {
        stage: [name for name, why in whys.items() if not why and name not in cut_off]
        for stage, whys in reasons.items()
    }
    return Eligibility(
        {stage: able if able or stage is Stage.CHUNK else fallback for stage, able in able_for.items()},
        [name for name in cut_off if not reasons[Stage.CHUNK][name]],  # a bucket would not help the others
        {stage: {name: why for name, why in whys.items() if why} for stage, whys in reasons.items()},
    )


def why_unfit(target: RenderTargetSpec, stage: Stage, job: ObservedJob) -> str:
    """Why a target cannot run a stage at all; "" if it can.

    A plan whose composition or props are in the cluster needs a pod, which mounts them as files. So do the headers of a
    page, in chunks too: a function is never sent a Secret.
    """
    if not target.is_offload:
        return ""
    source = job.spec.composition
    if stage is not Stage.STITCH and source.headersFrom is not None:
        return NO_SECRETS
    if stage is not Stage.CHUNK and target.cloudRun is not None and target.cloudRun.job is not None:
        return f"a Cloud Run job returns only an exit code, not the result of a {stage}"
    url = source.jobSpec.url if source.jobSpec is not None else source.url
    if stage is Stage.PLAN and (source.propsFrom or url is None or url.startswith("file:")):
        return "only pods reach a composition or props in the cluster"
    return ""
