"""What keeps a render from going on until somebody changes something.

Unknown or forbidden targets, places out of bounds, no target that can do the work; names that others hold, starts that
the API server rejects, a budget that is used up.
"""

from collections.abc import Sequence

from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.text import one_line
from helios_crds.wire import Stage
from helios_operator.decide.policies.eligibility import Eligibility
from helios_operator.model import reasons
from helios_operator.model.config import Store
from helios_operator.model.observation import NameConflict, Observation, RejectedStart
from helios_operator.model.problem import Problem

STAGES = (Stage.CHUNK, Stage.PLAN, Stage.STITCH)
MAX_SAID = 600


def blocker(observation: Observation, eligible: Eligibility, store: Store) -> Problem | None:
    """The first problem that keeps everything from starting. store: the operator's own."""
    named = [use.name for use in observation.job.uses]
    for name in named:
        if problem := _forbidden(name, observation, store):
            return problem
    for stage in STAGES:
        able = eligible.targets[stage]
        if not able:
            return _no_target(stage, named, observation, eligible)
        for name in able:  # the built-in target may be one that was not named
            if problem := _forbidden(name, observation, store):
                return problem
    return None


def name_conflict(conflicts: Sequence[NameConflict]) -> Problem:
    """Others hold names that due work needs. conflicts: at least one."""
    first = conflicts[0]
    more = f" ({len(conflicts) - 1} more names are taken as well)" if len(conflicts) > 1 else ""
    text = f"{first.kind} {first.name} is there already and belongs to somebody else: remove or rename it{more}"
    return Problem(reasons.NAME_TAKEN, text, first.work)


def start_rejected(rejected: Sequence[RejectedStart]) -> Problem:
    """The API server rejects starts of due work. rejected: at least one."""
    first = rejected[0]
    more = f" ({len(rejected) - 1} more starts are refused as well)" if len(rejected) > 1 else ""
    text = f"the API server refuses to start {first.work}, and is asked again from time to time: "
    reason = reasons.QUOTA_EXCEEDED if first.by_quota else reasons.START_REFUSED
    return Problem(reason, f"{text}{one_line(first.message, MAX_SAID)}{more}", first.work)


def budget_reached(budget: str | None) -> Problem:
    """Nothing that is due may cost anything more. budget: as the spec writes it."""
    text = "is used up: raise it, or name a target without a price"
    return Problem(reasons.BUDGET_REACHED, f"execution.budget ({budget}) {text}")


def _forbidden(name: str, observation: Observation, store: Store) -> Problem | None:
    target, namespace = observation.targets.get(name), observation.job.namespace
    if target is None:
        text = f"there is no RenderTarget {name} that can be read: ask for one to be made, or name another"
        return Problem(reasons.TARGET_NOT_FOUND, text)
    if not {"*", namespace} & set(target.allowedNamespaces):
        text = f"the RenderTarget {name} is not for the namespace {namespace}: see its allowedNamespaces"
        return Problem(reasons.TARGET_FORBIDDEN, text)
    for url in _places(observation):
        if not _is_allowed(url, target, store):
            text = f"the RenderTarget {name} does not let RenderJobs use {url}: see its allowedStores"
            return Problem(reasons.STORE_FORBIDDEN, text)
    return None


def _no_target(stage: Stage, named: list[str], observation: Observation, eligible: Eligibility) -> Problem:
    """Why no target can run a stage."""
    targets = ", ".join(named)
    if stage is Stage.CHUNK or eligible.without_store:
        text = (
            f"{targets} cannot reach the artifacts at {observation.store}, a volume of this cluster: "
            "set artifacts.url to a bucket, or name a Kubernetes target too"
        )
        return Problem(reasons.BUCKET_NEEDED, text)
    text = f"{targets} cannot run the {stage} of this composition: name a Kubernetes target too"
    return Problem(reasons.TARGET_UNFIT, text)


def _places(observation: Observation) -> list[str]:
    """Artifacts, film, and a source that needs somebody's rights; web pages are the network policy's business."""
    source = observation.job.spec.composition.url or ""
    private = [] if not source or source.startswith(("http://", "https://")) else [source]
    return [observation.store, observation.output, *private]


def _is_allowed(url: str, target: RenderTargetSpec, store: Store) -> bool:
    own = store.url.rstrip("/") + "/"
    allowed = [own, *(target.allowedStores or [])]
    plain = "/../" not in f"{url}/" and "/./" not in f"{url}/" and "%" not in url
    return plain and any(_is_within(url, prefix) for prefix in allowed)


def _is_within(url: str, prefix: str) -> bool:
    """A prefix ends at a slash: s3://media does not let anybody into s3://media-private."""
    return url.rstrip("/") + "/" == prefix.rstrip("/") + "/" or url.startswith(prefix.rstrip("/") + "/")
