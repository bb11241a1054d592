"""What keeps a render from running until somebody changes it: unknown targets, places out of bounds, no workers."""

from collections.abc import Sequence

from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.text import one_line
from helios_crds.wire import Stage
from helios_operator.decide.policies.eligibility import homes, needs_bucket
from helios_operator.model import reasons
from helios_operator.model.config import DEFAULT_USES, Config
from helios_operator.model.locations import output_url, store_url
from helios_operator.model.problem import Problem
from helios_operator.model.state import NameConflict, ObservedJob, RejectedStart

STAGES = (Stage.CHUNK, Stage.PLAN, Stage.STITCH)


def obstacle(job: ObservedJob, config: Config) -> Problem | None:
    """The first one there is."""
    named = [use.name for use in job.spec.execution.targets or DEFAULT_USES]
    for name in named:
        if found := _forbidden(name, job, config):
            return found
    for stage in STAGES:
        able = homes(job, stage, config)
        if not able:
            return _homeless(stage, named, job, config)
        for name in able:  # the built-in target may be one that was not named
            if forbidden := _forbidden(name, job, config):
                return forbidden
    return None


def _forbidden(name: str, job: ObservedJob, config: Config) -> Problem | None:
    target = config.targets.get(name)
    if target is None:
        text = f"there is no RenderTarget {name} that can be read: ask for one to be made, or name another"
        return Problem(reasons.TARGET_NOT_FOUND, text)
    if not {"*", job.namespace} & set(target.allowedNamespaces):
        text = f"the RenderTarget {name} is not for the namespace {job.namespace}: see its allowedNamespaces"
        return Problem(reasons.TARGET_FORBIDDEN, text)
    for url in _places(job, config):
        if not _is_allowed(url, target, config):
            text = f"the RenderTarget {name} does not let RenderJobs use {url}: see its allowedStores"
            return Problem(reasons.STORE_FORBIDDEN, text)
    return None


def _homeless(stage: Stage, named: list[str], job: ObservedJob, config: Config) -> Problem:
    """Why no target can run a stage."""
    targets = ", ".join(named)
    if stage is Stage.CHUNK or any(needs_bucket(job, config.targets[name], config) for name in named):
        text = (
            f"{targets} cannot reach the artifacts at {store_url(job, config)}, a volume of this cluster: "
            "set artifacts.url to a bucket, or name a Kubernetes target too"
        )
        return Problem(reasons.BUCKET_NEEDED, text)
    text = f"{targets} cannot run the {stage} of this composition: name a Kubernetes target too"
    return Problem(reasons.TARGET_UNFIT, text)


def _places(job: ObservedJob, config: Config) -> list[str]:
    """Artifacts, film, and a source that needs somebody's rights; web pages are the network policy's business."""
    source = job.spec.composition.url or ""
    private = [] if not source or source.startswith(("http://", "https://")) else [source]
    return [store_url(job, config), output_url(job, config), *private]


def _is_allowed(url: str, target: RenderTargetSpec, config: Config) -> bool:
    own = config.store.url.rstrip("/") + "/"
    allowed = [own, *(target.allowedStores or [])]
    plain = "/../" not in f"{url}/" and "/./" not in f"{url}/" and "%" not in url
    return plain and any(_is_within(url, prefix) for prefix in allowed)


def _is_within(url: str, prefix: str) -> bool:
    """A prefix ends at a slash: s3://media does not let anybody into s3://media-private."""
    return url.rstrip("/") + "/" == prefix.rstrip("/") + "/" or url.startswith(prefix.rstrip("/") + "/")


def names_taken(taken: Sequence[NameConflict]) -> Problem | None:
    """The obstacle that they are; None if there are none."""
    if not taken:
        return None
    more = f" ({len(taken) - 1} more names are taken as well)" if len(taken) > 1 else ""
    text = f"{taken[0].kind} {taken[0].name} is there already and belongs to somebody else: remove or rename it{more}"
    return Problem(reasons.NAME_TAKEN, text, taken[0].work)


MAX_SAID = 600


def starts_refused(refused: Sequence[RejectedStart]) -> Problem | None:
    """The obstacle that they are; None if there are none."""
    if not refused:
        return None
    first = refused[0]
    more = f" ({len(refused) - 1} more starts are refused as well)" if len(refused) > 1 else ""
    text = f"the API server refuses to start {first.work}, and is asked again from time to time: "
    reason = reasons.QUOTA_EXCEEDED if first.by_quota else reasons.START_REFUSED
    return Problem(reason, f"{text}{one_line(first.message, MAX_SAID)}{more}", first.work)
