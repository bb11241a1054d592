"""Reads the results of workers: up to 4,096 bytes of untrusted text.

Nothing here raises. A field that is not valid counts as missing.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from helios_crds.remedies import in_spec, message_and_remedy
from helios_crds.renderjob_status import MAX_WARNINGS, FilmStatus, PlanStatus, SoundStatus
from helios_crds.request import MAX_CHUNKS, MAX_FRAMES, MAX_SECONDS
from helios_crds.text import one_line
from helios_crds.wire import RESULT_BYTES, chunks_in
from helios_operator.model.chunk_map import CACHED, WAITING
from helios_operator.model.locations import job_path

MAX_TEXT = 600
MAX_WARNING = 200
MAX_SOURCES = 100_000
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


class _SoundMessage(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    sources: int = Field(strict=True, ge=0, le=MAX_SOURCES)
    seconds: float = Field(ge=0, le=MAX_SECONDS)
    loudness: float | None = Field(default=None, ge=-100, le=100)


class _FilmMessage(BaseModel):
    model_config = ConfigDict(extra="ignore")

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: _Count
    frames: Annotated[_Count, Field(le=MAX_FRAMES)]
    sound: _SoundMessage | None = None


def facts(message: str) -> Mapping[str, Any]:
    """The JSON object of a message; empty if the message is not an object, or is too large."""
    if len(message.encode(errors="replace")) > RESULT_BYTES:
        return {}
    try:
        value = json.loads(message)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def plan_result(message: str, store_url: str) -> tuple[PlanStatus, str] | None:
    """The plan, and the chunk map with the cached chunks; None if the message has no valid result.

    store_url: the store that must hold the job; a path elsewhere is not accepted.
    """
    try:
        result = _PlanMessage.model_validate(facts(message))
    except ValidationError:
        return None
    if result.jobPath != job_path(store_url, result.jobId):
        return None
    cached = set(chunks_in(result.cached))
    marks = "".join(CACHED if index in cached else WAITING for index in range(result.chunks))
    plan = PlanStatus(
        jobPath=result.jobPath,
        jobId=result.jobId,
        frames=result.frames,
        chunks=result.chunks,
        cached=marks.count(CACHED),
        stateful=result.stateful,
        warnings=[one_line(in_spec(text), MAX_WARNING) for text in result.warnings[:MAX_WARNINGS]],
    )
    return plan, marks


def film_result(message: str, url: str, frames: int) -> FilmStatus:
    """The film that a stitch published; without digest and size if the message lacks them or contradicts the plan."""
    try:
        result = _FilmMessage.model_validate(facts(message))
    except ValidationError:
        return FilmStatus(url=url)
    if result.frames != frames:
        return FilmStatus(url=url)
    heard = result.sound
    sound = None if heard is None else SoundStatus(**heard.model_dump())
    return FilmStatus(url=url, sha256=result.sha256, bytes=result.bytes, frames=result.frames, sound=sound)


def bad_chunks(message: str, chunks: int) -> list[int]:
    """Damaged chunks that a stitch reported, in order; invalid indexes are left out."""
    try:
        named = chunks_in(facts(message).get("badChunks"))
    except ValueError:
        return []
    return [index for index in named if index < chunks]


def failure_text(message: str, exit_code: int | None) -> str:
    """The message of a failed worker with its remedy, as one line for people."""
    what, remedy = _parts(message)
    return _line(f"{what}; {in_spec(remedy)}" if remedy else what, exit_code)


def what_happened(message: str, exit_code: int | None) -> str:
    """The same without the remedy, where nobody has to do anything."""
    return _line(_parts(message)[0], exit_code)


def _parts(message: str) -> tuple[str, str]:
    facts_of = facts(message)
    value = facts_of.get("message")
    return message_and_remedy(facts_of, value if isinstance(value, str) and value.strip() else message)


def _line(text: str, exit_code: int | None) -> str:
    return one_line(text, MAX_TEXT) or ("the pod was killed" if exit_code is None else f"exit code {exit_code}")
