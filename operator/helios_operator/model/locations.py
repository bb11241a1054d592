"""URLs of a RenderJob's artifacts and film."""

import hashlib

from helios_operator.model.config import Config
from helios_operator.model.observation import ObservedJob

MAX_FILE_NAME = 200


def store_url(job: ObservedJob, config: Config) -> str:
    """URL of the artifact store, with a trailing slash."""
    given = job.spec.artifacts.url if job.spec.artifacts else None
    return (given or config.store.url).rstrip("/") + "/"


def uses_own_store(job: ObservedJob) -> bool:
    """Whether the RenderJob names its own artifact store, instead of the operator's."""
    return job.spec.artifacts is not None and job.spec.artifacts.url is not None


def output_url(job: ObservedJob, config: Config) -> str:
    """URL of the film."""
    if job.spec.output is not None:
        return job.spec.output.url
    return f"{store_url(job, config)}out/{job.namespace}/{_file_name(job.name)}.mp4"


def _file_name(name: str) -> str:
    """A file name has at most 255 bytes, with a suffix during upload; a RenderJob's name has up to 253 characters."""
    if len(name) <= MAX_FILE_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: MAX_FILE_NAME - 13]}-{digest}"


def job_path(store_url: str, job_id: str) -> str:
    """URL of a film's plan in its store."""
    return f"{store_url}jobs/{job_id}/job.json"
