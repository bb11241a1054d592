"""Results of workers, read as what they are: up to 4,096 bytes from a stranger.

Nothing here raises. What does not look as it should is as if it were not there.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from helios_crds.renderjob_status import MAX_WARNINGS, FilmStatus, PlanStatus
from helios_crds.request import MAX_CHUNKS, MAX_FRAMES
from helios_crds.text import one_line
from helios_crds.wire import RESULT_BYTES, chunks_in
from helios_operator.model.chunk_map import CACHED, WAITING
from helios_operator.model.locations import job_path

MAX_TEXT = 600
MAX_WARNING = 200
_Count = Annotated[int, Field(strict=True, ge=1)]


class _PlanMessage(BaseModel):
    model_config = ConfigDict(extra="ignore")

    jobPath: str = Field(max_length=2200)
    jobId: str = Field(pattern=r"^[0-9a-f]{8,64}$")
    frames: Annotated[_Count, Field(le=MAX_FRAMES)]
    chunks: Annotated[_Count, Field(le=MAX_CHUNKS)]
    cached: str = Field(default="0", pattern=r"^[0-9a-f]{1,2500}$")
    stateful: bool = False
    warnings: list[str] = Field(default_factory=list)


class _FilmMessage(BaseModel):
    model_config = ConfigDict(extra="ignore")

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: _Count
    frames: Annotated[_Count, Field(le=MAX_FRAMES)]


def facts(message: str) -> Mapping[str, Any]:
    """The JSON object of a message; empty where it is none, or too large."""
    if len(message.encode(errors="replace")) > RESULT_BYTES:
        return {}
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def plan_result(message: str, store_url: str) -> tuple[PlanStatus, str] | None:
    """What a plan settled, and the chunk map with what is cached; None where the message does not say.

    store_url: where the job must lie; a path elsewhere is not believed.
    """
    try:
        said = _PlanMessage.model_validate(facts(message))
    except ValidationError:
        return None
    if said.jobPath != job_path(store_url, said.jobId):
        return None
    cached = set(chunks_in(said.cached))
    marks = "".join(CACHED if index in cached else WAITING for index in range(said.chunks))
    plan = PlanStatus(
        jobPath=said.jobPath,
        jobId=said.jobId,
        frames=said.frames,
        chunks=said.chunks,
        cached=marks.count(CACHED),
        stateful=said.stateful,
        warnings=[one_line(text, MAX_WARNING) for text in said.warnings[:MAX_WARNINGS]],
    )
    return plan, marks


def film_result(message: str, url: str, frames: int) -> FilmStatus:
    """The film that a stitch published; without digest and size where the message does not say, or lies."""
    try:
        said = _FilmMessage.model_validate(facts(message))
    except ValidationError:
        return FilmStatus(url=url)
    if said.frames != frames:
        return FilmStatus(url=url)
    return FilmStatus(url=url, sha256=said.sha256, bytes=said.bytes, frames=said.frames)


def bad_chunks(message: str, chunks: int) -> list[int]:
    """Chunks that a stitch found damaged, in order; what is no index of a chunk is left out."""
    try:
        named = chunks_in(facts(message).get("badChunks"))
    except ValueError:
        return []
    return [index for index in named if index < chunks]


def words(message: str, exit_code: int | None) -> str:
    """What a failed worker said, for people."""
    said = facts(message).get("message")
    text = said if isinstance(said, str) and said.strip() else message
    return one_line(text, MAX_TEXT) or ("the pod was killed" if exit_code is None else f"exit code {exit_code}")
