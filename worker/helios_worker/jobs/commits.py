"""Reads a job, and the commits of its chunks."""

import orjson
from pydantic import ValidationError

from helios_crds.text import first_problem
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import split_url
from helios_worker.errors import CorruptArtifact, OtherEngine
from helios_worker.jobs.identity import AlteredJob, distrusted
from helios_worker.jobs.layout import manifest_key, segment_key
from helios_worker.jobs.spec import JOB_FORMAT, Chunk, JobSpec, Manifest


def committed(store: ArtifactStore, chunk: Chunk) -> Manifest | None:
    """The chunk's manifest, if there is one that is complete and describes this chunk.

    A file that is not a valid manifest is removed. A commit never overwrites, so the file would block it for ever.
    """
    data = store.get(manifest_key(chunk.key))
    if data is None:
        return None
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError:
        manifest = None
    if manifest is not None and _is_about(manifest, chunk):
        return manifest
    store.delete(manifest_key(chunk.key))
    return None


def _is_about(manifest: Manifest, chunk: Chunk) -> bool:
    return (manifest.key, manifest.startFrame, manifest.frameCount, manifest.segment) == (
        chunk.key,
        chunk.startFrame,
        chunk.frameCount,
        segment_key(manifest.sha256),
    )


def read_job(job_path: str) -> tuple[ArtifactStore, JobSpec]:
    """The job at a URL and the store it lies in.

    A job of this package is proven by its ID, and one of upstream Helios too that was taken over for a cluster. Other
    jobs of upstream Helios have none that could be: only their commands can run, where commands are allowed.

    Raises:
        CorruptArtifact: there is no such job, it is not a job, or it is not the one that its key names.
        OtherEngine: a version of this package wrote it that writes another format.
    """
    root, key = split_url(job_path, "jobs/")
    store = ArtifactStore(root)
    data = store.get(key)
    if data is None:
        raise CorruptArtifact(f"there is no job at {job_path}", remedy="plan it again")
    try:
        job = JobSpec.model_validate_json(data)
    except ValidationError as error:
        _check_format(_format_in(data), job_path)
        raise CorruptArtifact(
            f"{job_path} is not a job: {first_problem(error)}", remedy="remove it and plan it again"
        ) from error
    if job.helios is not None:
        _check_format(job.helios.format, job_path)
    if problem := distrusted(job, key):
        raise AlteredJob(f"{job_path} is not believed: {problem}", remedy="plan it again")
    return store, job


def _check_format(found: int | None, job_path: str) -> None:
    if found is not None and found != JOB_FORMAT:
        raise OtherEngine(f"{job_path} has format {found}, of another version of this package")


def _format_in(data: bytes) -> int | None:
    """The format of a file that is not a job of this version; None if it says none."""
    try:
        found = orjson.loads(data)["helios"]["format"]
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        return None
    return found if isinstance(found, int) else None
