"""The request and the reply that every execution target shares, and the exit codes in them.

A worker is asked for one stage of one job and answers with one reply, whether the two travel as a Lambda
event, an HTTP body, a pod's arguments and termination message, or lines between processes.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from helios_crds.request import MAX_CHUNKS
from helios_crds.words import ExitCode, Stage

__all__ = [
    "HEADERS_MISSING",
    "OTHER_ENGINE",
    "RESULT_BYTES",
    "SEEKING",
    "ExitCode",
    "Payload",
    "Reply",
    "Stage",
    "chunk_bitmap",
    "chunks_in",
    "is_other_engine",
    "other_seeking",
]

RESULT_BYTES = 4096
"""Most bytes of a reply's result: a pod's termination message holds no more."""


OTHER_ENGINE = "OtherEngine"
"""The `error` in the result of a worker whose software or fonts are not those that the job was planned with."""
HEADERS_MISSING = "HeadersMissing"
"""The same of a worker that was not given the headers of the plan, and is asked for more than the plan recorded."""


SEEKING = "seeking"
"""In the result of a worker that found what the plan's test of the page had missed: how to plan the render again."""


class Payload(BaseModel):
    """What a worker is asked to do. Unknown keys are refused: a misspelt one must not be ignored.

    jobPath: URL of the request (stage plan) or of job.json (stages chunk and stitch).
    chunkIndex: which chunk, from 0; stage chunk needs it, and the other stages do not use it.
    attempt: how often this has been asked for, from 1: for logs, and to tell chance from what happens again.
    request: of a plan, to be put where jobPath says first; None: it is there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    jobPath: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    chunkIndex: int = Field(default=0, ge=0, lt=1_000_000)
    stage: Annotated[Stage, Field(strict=False)] = Stage.CHUNK
    attempt: int = Field(default=1, ge=1, lt=1_000_000)
    request: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _of_a_chunk(self) -> Self:
        if self.stage is Stage.CHUNK and "chunkIndex" not in self.model_fields_set:
            raise ValueError("chunkIndex: Field required, with stage chunk")
        return self

    @model_validator(mode="after")
    def _of_a_plan(self) -> Self:
        if self.request is not None and self.stage is not Stage.PLAN:
            raise ValueError("a request goes with stage plan alone")
        return self


class Reply(BaseModel):
    """What a worker answers, also when it failed.

    stdout, stderr: what it said. result: what the stage returns; see helios_worker.stages.
    """

    model_config = ConfigDict(frozen=True)

    exitCode: int
    stdout: str = ""
    stderr: str = ""
    result: dict[str, Any] | None = None


def is_other_engine(reply: Reply) -> bool:
    """Whether a worker refused a job because its software or fonts are not those of the plan."""
    return reply.exitCode != ExitCode.DONE and (reply.result or {}).get("error") == OTHER_ENGINE


def other_seeking(result: Mapping[str, Any] | None, asked: str) -> Literal["Stateful"] | None:
    """The composition.seeking with which a failed render is planned again by itself; None where that would not help.

    The plan's test of a page looks at a few frames. Where a later one shows that it depends on the frames before, the
    worker says so, unless they were drawn already. What the user has asked for is kept.

    result: of the reply. asked: composition.seeking of the request.
    """
    named = (result or {}).get(SEEKING)
    return "Stateful" if named == "Stateful" and asked == "Auto" else None


def chunk_bitmap(chunks: Iterable[int]) -> str:
    """A set of chunks in a result: hexadecimal, chunk 0 in the lowest bit; 10,000 chunks take 2,500 characters.

    >>> chunk_bitmap([0, 1, 5])
    '23'
    """
    bits = bytearray(MAX_CHUNKS // 8)
    for chunk in chunks:
        bits[chunk // 8] |= 1 << chunk % 8
    return f"{int.from_bytes(bits, 'little'):x}"


def chunks_in(bitmap: object) -> list[int]:
    """The chunks of a chunk_bitmap, in order.

    Raises:
        ValueError: it is not a bitmap; results are untrusted.
    """
    if not isinstance(bitmap, str) or not re.fullmatch(rf"[0-9a-f]{{1,{MAX_CHUNKS // 4}}}", bitmap):
        raise ValueError("chunks are not given as a hexadecimal bitmap")
    bits = int(bitmap, 16)
    return [chunk for chunk in range(bits.bit_length()) if bits >> chunk & 1]
