"""Where a RenderJob's artifacts and film are, and whether its targets let it use those places."""

import hashlib

from helios_crds.rendertarget import RenderTargetSpec
from helios_operator import reasons
from helios_operator.config import Config
from helios_operator.policies.placement import DEFAULT_USES
from helios_operator.policies.retry import GivenUp
from helios_operator.state import ObservedJob

MAX_FILE_NAME = 200


def store_url(job: ObservedJob, config: Config) -> str:
    """URL of the artifact store, with a slash at its end."""
    given = job.spec.artifacts.url if job.spec.artifacts else None
    return (given or config.store.url).rstrip("/") + "/"


def uses_own_store(job: ObservedJob) -> bool:
    """Whether the artifacts lie where the job says, rather than the operator."""
    return job.spec.artifacts is not None and job.spec.artifacts.url is not None


def output_url(job: ObservedJob, config: Config) -> str:
    """URL of the film."""
    if job.spec.output is not None:
        return job.spec.output.url
    return f"{store_url(job, config)}out/{job.namespace}/{_file_name(job.name)}.mp4"


def _file_name(name: str) -> str:
    """A RenderJob's name may have 253 characters, a file's 255 bytes, and an upload adds some until it is whole."""
    if len(name) <= MAX_FILE_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: MAX_FILE_NAME - 13]}-{digest}"


def obstacle(job: ObservedJob, config: Config) -> GivenUp | None:
    """What keeps the render from running until somebody changes it: an unknown target, or a place out of bounds."""
    for use in job.spec.execution.targets or DEFAULT_USES:
        target = config.targets.get(use.name)
        if target is None:
            text = f"there is no RenderTarget {use.name} that can be read: ask for one to be made, or name another"
            return GivenUp(reasons.TARGET_NOT_FOUND, text)
        if not {"*", job.namespace} & set(target.allowedNamespaces):
            text = f"the RenderTarget {use.name} is not for the namespace {job.namespace}: see its allowedNamespaces"
            return GivenUp(reasons.TARGET_FORBIDDEN, text)
        if target.kubernetes is None:
            text = f"the RenderTarget {use.name} is no Kubernetes target; this operator runs no others yet"
            return GivenUp(reasons.TARGET_NOT_SUPPORTED, text)
        for url in _places(job, config):
            if not _is_allowed(url, target, config):
                text = f"the RenderTarget {use.name} does not let RenderJobs use {url}: see its allowedStores"
                return GivenUp(reasons.STORE_FORBIDDEN, text)
    return None


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
