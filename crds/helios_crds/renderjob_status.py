"""A RenderJob's status: bounded, under 64 KiB for 10,000 chunks, and all that the operator remembers."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from helios_crds.base import Condition, StatusModel, listed
from helios_crds.renderjob import MAX_TARGETS, MAX_TOTAL_RETRIES
from helios_crds.request import MAX_CHUNKS
from helios_crds.wire import Stage

MAX_RETRY_ENTRIES = MAX_TOTAL_RETRIES + 56
MAX_WARNINGS = 8
MAX_ATTEMPT = 99_999  # five digits, for which a Job's name has room

Phase = Literal["Pending", "Planning", "Rendering", "Stitching", "Complete", "Failed", "Suspended"]
PHASES: tuple[Phase, ...] = ("Pending", "Planning", "Rendering", "Stitching", "Complete", "Failed", "Suspended")


class PlanStatus(StatusModel):
    """What the plan settled."""

    jobPath: str = Field(max_length=2200, description="URL of job.json in the artifact store.")
    jobId: str = Field(max_length=64, description="Digest of all that the film depends on.")
    frames: int = Field(ge=1, description="Frames of the film.")
    chunks: int = Field(ge=1, le=MAX_CHUNKS, description="Number of chunks.")
    cached: int = Field(default=0, ge=0, description="Chunks that the artifact store held already.")
    stateful: bool = Field(default=False, description="Whether a chunk runs through the frames before its first.")
    warnings: list[str] = Field(
        default_factory=list, max_length=MAX_WARNINGS, description="What the plan found odd, shortened."
    )


class ChunkCounts(StatusModel):
    """Chunks by state; the sum is total."""

    total: int = Field(default=0, ge=0, description="All chunks.")
    done: int = Field(default=0, ge=0, description="Rendered or found, and proven.")
    cached: int = Field(default=0, ge=0, description="Of those, found in the artifact store.")
    active: int = Field(default=0, ge=0, description="Being rendered, or waiting for room to.")
    failed: int = Field(default=0, ge=0, description="Given up.")


class Retry(StatusModel):
    """What is remembered of failed attempts. Attempts up to `attempt` are settled: they count for nothing more."""

    stage: Stage = Field(description="plan, chunk or stitch.")
    chunk: int = Field(default=0, ge=0, lt=MAX_CHUNKS, description="Which chunk, from 0; 0 for the other stages.")
    attempt: int = Field(ge=0, le=MAX_ATTEMPT, description="Number of the last attempt that is settled.")
    failures: int = Field(default=0, ge=0, description="Failed attempts, without disruptions.")
    notBefore: datetime | None = Field(default=None, description="When the next attempt may start.")
    reason: str = Field(default="", max_length=63, description="Why the last attempt failed, in one word.")
    target: int | None = Field(
        default=None, ge=0, lt=MAX_TARGETS, description="Where the last attempt failed: its place in targets, from 0."
    )


class TargetStatus(StatusModel):
    """A target's part in this render."""

    name: str = Field(max_length=253, description="Name of the RenderTarget.")
    active: int = Field(default=0, ge=0, description="Chunks that it has now.")
    done: int = Field(default=0, ge=0, description="Chunks that it has rendered.")
    failed: int = Field(default=0, ge=0, description="Attempts that failed there, without disruptions.")
    invocations: int = Field(default=0, ge=0, description="Invocations that have ended, if it is out of the cluster.")
    cost: str = Field(
        default="0",
        max_length=32,
        description="Estimate of what they cost, in the currency of its price.",
    )


class FilmStatus(StatusModel):
    """The finished film."""

    url: str = Field(max_length=2200, description="Where it is, or will be.")
    sha256: str = Field(default="", max_length=64, description="Digest of the file.")
    bytes: int = Field(default=0, ge=0, description="Size of the file.")
    frames: int = Field(default=0, ge=0, description="Frames counted in it.")


class RenderJobStatus(StatusModel):
    """How far the render is."""

    observedGeneration: int = Field(default=0, ge=0, description="Generation of the spec that this status is of.")
    phase: Phase = Field(default="Pending", description="Summary for people; programs read the conditions.")
    progress: str = Field(default="", max_length=8, description="Part of the chunks that is done, in percent.")
    summary: str = Field(default="", max_length=24, description="Chunks done of all, such as 12/36.")
    startTime: datetime | None = Field(default=None, description="When it started, or was last resumed.")
    completionTime: datetime | None = Field(default=None, description="When it was complete or failed.")
    plan: PlanStatus | None = Field(default=None, description="What the plan settled.")
    chunks: ChunkCounts = Field(default=ChunkCounts(), description="Chunks by state.")
    chunkMap: str = Field(
        default="",
        max_length=MAX_CHUNKS,
        pattern="^[.a#=!]*$",
        description="One character per chunk: . waiting, a active, # done, = found in the store, ! failed.",
    )
    failures: int = Field(default=0, ge=0, description="Failed attempts of all stages, without disruptions.")
    retries: list[Retry] = Field(
        default_factory=list,
        max_length=MAX_RETRY_ENTRIES,
        description="Failed attempts of what is not done yet.",
        json_schema_extra=listed("stage", "chunk"),
    )
    targets: list[TargetStatus] = Field(
        default_factory=list,
        max_length=MAX_TARGETS,
        description="The targets' parts.",
        json_schema_extra=listed("name"),
    )
    output: FilmStatus | None = Field(default=None, description="The film.")
    conditions: list[Condition] = Field(
        default_factory=list,
        max_length=16,
        description="Ready, Planned, Rendered, Complete, Failed, Suspended, and kstatus' Reconciling and Stalled.",
        json_schema_extra=listed("type"),
    )
