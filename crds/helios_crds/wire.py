"""The request and the reply that every execution target shares, and the exit codes in them.

A worker is asked for one stage of one job and answers with one reply, whether the two travel as a Lambda
event, an HTTP body, a pod's arguments and termination message, or lines between processes.
"""

from enum import IntEnum, StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class ExitCode(IntEnum):
    """How a worker ends, and so whether anybody should try again."""

    DONE = 0
    RETRYABLE = 1
    USER_ERROR = 64
    EXHAUSTED = 75
    INTERRUPTED = 130
    TERMINATED = 143


class Stage(StrEnum):
    """The three steps of a render."""

    PLAN = "plan"
    CHUNK = "chunk"
    STITCH = "stitch"


class Payload(BaseModel):
    """What a worker is asked to do. Unknown keys are refused: a misspelt one must not be ignored.

    jobPath: URL of the request (stage plan) or of job.json (stages chunk and stitch).
    chunkIndex: which chunk, from 0; the other stages take 0.
    attempt: how often this has been asked for, from 1; for logs only.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    jobPath: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    chunkIndex: int = Field(default=0, ge=0, lt=1_000_000)
    stage: Annotated[Stage, Field(strict=False)] = Stage.CHUNK
    attempt: int = Field(default=1, ge=1, lt=1_000_000)


class Reply(BaseModel):
    """What a worker answers, also when it failed.

    stdout, stderr: what it said. result: what the stage returns; see helios_worker.stages.
    """

    model_config = ConfigDict(frozen=True)

    exitCode: int
    stdout: str = ""
    stderr: str = ""
    result: dict[str, Any] | None = None
