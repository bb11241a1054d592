"""What a job.json may be believed for: its ID is the digest of all else that it says, and is part of its key.

Whoever has the ID of a job, from a plan or from a caller, therefore knows its film, its chunks and its output, whoever
can write to the store. A film's plan lies under the digest of its request, so it is compared with that request instead
(`stages/plan.py`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import orjson

from helios_worker.artifacts.digests import json_digest
from helios_worker.errors import CorruptArtifact
from helios_worker.jobs.layout import job_key
from helios_worker.jobs.spec import JOB_FORMAT, Chunk, JobSpec, chunk_keys

ID_CHARACTERS = 40


class AlteredJob(CorruptArtifact):
    """A job.json is not what its ID stands for: altered, misplaced, or written by another version of this package."""


def job_bytes(job: JobSpec) -> bytes:
    """job.json."""
    return orjson.dumps(_content(job), option=orjson.OPT_INDENT_2)


def with_own_id(job: JobSpec) -> JobSpec:
    """The job with the ID that its content has."""
    return job.model_copy(update={"id": _id(_content(job))})


def altered(job: JobSpec, key: str) -> str:
    """What shows that a job of this package is not what its ID stands for; "" where nothing does.

    The digest is that of what was understood of the file, not of its bytes, which could be understood in two ways.

    key: where it lies.
    """
    if job.ours.format != JOB_FORMAT:
        return f"it has format {job.ours.format}, of another version of this package"
    if job_key(job.id) != key:
        return f"it is job {job.id[:64]}"
    if _id(_content(job)) != job.id:
        return "its ID is not the digest of its content"
    return disorder(job)


def distrusted(job: JobSpec, key: str) -> str:
    """As `altered`, for jobs of upstream Helios too, whose key names their content where a cluster renders them."""
    if job.helios is not None:
        return altered(job, key)
    if not re.fullmatch(rf"jobs/[0-9a-f]{{{ID_CHARACTERS}}}/job\.json", key):
        return ""
    if job_key(job.id) != key:
        return f"it is job {job.id[:64]}"
    return "" if _id(_content(job)) == job.id else "its ID is not the digest of its content"


def disorder(job: JobSpec) -> str:
    """What is wrong with a job's chunks; "" where they cover its frames one after the other."""
    film = job.ours.film
    if film.end <= film.frames and covers(job.chunks, film.first, film.end):
        return ""
    return "its chunks do not cover its film"


def covers(chunks: Sequence[Chunk], first: int, end: int) -> bool:
    """Whether chunks, numbered in order, cover the frames from `first` up to `end` one after the other."""
    whole = chunks[0].startFrame == first and chunks[-1].end == end
    follow = all(before.end == after.startFrame for before, after in pairwise(chunks))
    return whole and follow and all(chunk.id == place for place, chunk in enumerate(chunks))


def check_keys(job: JobSpec, indexes: Iterable[int]) -> None:
    """Refuses chunks with the cache key of other frames, under which they would be found, or would find the others.

    Raises:
        AlteredJob: a chunk has such a key.
    """
    key = chunk_keys(job.ours.engine, job.ours.film)
    for index in indexes:
        chunk = job.chunks[index]
        if chunk.key != key(chunk.startFrame, chunk.frameCount):
            raise AlteredJob(f"chunk {index} of job {job.id} has the key of other frames", remedy="plan the job again")


def _content(job: JobSpec) -> dict[str, Any]:
    return job.model_dump(mode="json", exclude_none=True)


def _id(content: Mapping[str, Any]) -> str:
    return json_digest({name: value for name, value in content.items() if name != "id"})[:ID_CHARACTERS]
