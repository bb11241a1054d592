"""The status of a RenderJob: everything that the operator remembers, in at most 64 KiB for 10,000 chunks."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from helios_crds.base import UNOBSERVED, Condition, StatusModel, listed
from helios_crds.renderjob import MAX_TARGETS, MAX_TOTAL_RETRIES
from helios_crds.request import MAX_CHUNKS
from helios_crds.wire import Stage

MAX_RETRY_ENTRIES = MAX_TOTAL_RETRIES + 56
MAX_WARNINGS = 8
MAX_IMAGE = 512
MAX_IMAGES = 4
MAX_LAST_FAILURE = 300
MAX_ATTEMPT = 99_999  # five digits, for which a Job's name has room

Phase = Literal["Pending", "Planning", "Rendering", "Stitching", "Complete", "Failed", "Suspended"]
PHASES: tuple[Phase, ...] = ("Pending", "Planning", "Rendering", "Stitching", "Complete", "Failed", "Suspended")


class PlanStatus(StatusModel):
    """Result of the plan."""

    jobPath: str = Field(max_length=2200, description="URL of job.json in the artifact store.")
    jobId: str = Field(max_length=64, description="Digest of everything that the film depends on.")
    frames: int = Field(ge=1, description="Number of frames in the film.")
    chunks: int = Field(ge=1, le=MAX_CHUNKS, description="Number of chunks.")
    cached: int = Field(default=0, ge=0, description="Chunks that were already in the artifact store.")
    stateful: bool = Field(default=False, description="Whether each chunk has to run through all earlier frames.")
    warnings: list[str] = Field(
        default_factory=list, max_length=MAX_WARNINGS, description="Warnings of the plan, shortened."
    )
    target: str = Field(default="", max_length=253, description="RenderTarget that made the plan.")
    image: str = Field(
        default="",
        max_length=MAX_IMAGE,
        description="Image that the plan's pod ran: NAME@sha256:… if a registry has it, which later pods then use, or "
        "the node's own ID of it.",
    )


class ReplanStatus(StatusModel):
    """How often the render was planned again, and why.

    Workers had other software than the plan, as after an upgrade; or the page depends on what was drawn before, which
    the plan had missed.
    """

    count: int = Field(default=0, ge=0, description="How often the render was planned again.")
    at: datetime | None = Field(default=None, description="When that was decided last; older attempts do not count.")
    returns: int = Field(
        default=0, ge=0, description="How often the other image had been met before: nodes have different images."
    )
    images: list[str] = Field(
        default_factory=list,
        max_length=MAX_IMAGES,
        description="The last images that workers ran.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    drawn: bool = Field(
        default=False,
        description="Whether a chunk showed that the page depends on the frames before it, which the plan had missed: "
        "it was then planned as with seeking: Stateful.",
    )


class ChunkCounts(StatusModel):
    """Chunks by state; the rest of total is waiting."""

    total: int = Field(default=0, ge=0, description="All chunks.")
    done: int = Field(
        default=0, ge=0, description="Finished and verified, rendered now or found in the artifact store."
    )
    cached: int = Field(default=0, ge=0, description="Of those done, found in the artifact store.")
    active: int = Field(default=0, ge=0, description="Being rendered, or started and waiting for a node.")
    failed: int = Field(default=0, ge=0, description="Given up.")


class Retry(StatusModel):
    """Failed attempts at one stage or chunk. Attempts up to `attempt` are counted already."""

    stage: Stage = Field(description="plan, chunk or stitch.")
    chunk: int = Field(default=0, ge=0, lt=MAX_CHUNKS, description="Which chunk, from 0; 0 for the other stages.")
    attempt: int = Field(ge=0, le=MAX_ATTEMPT, description="Number of the last attempt that is counted.")
    failures: int = Field(default=0, ge=0, description="Failed attempts, without disruptions.")
    notBefore: datetime | None = Field(default=None, description="When the next attempt may start.")
    reason: str = Field(default="", max_length=63, description="Why the last attempt failed, in one word.")
    target: int | None = Field(
        default=None,
        ge=0,
        lt=MAX_TARGETS,
        description="Where the last attempt failed: index in spec.execution.targets, from 0.",
    )


class TargetStatus(StatusModel):
    """A target's share of this render."""

    name: str = Field(max_length=253, description="Name of the RenderTarget.")
    active: int = Field(default=0, ge=0, description="Chunks that the target is rendering now.")
    done: int = Field(default=0, ge=0, description="Chunks that the target has rendered.")
    failed: int = Field(default=0, ge=0, description="Attempts that failed on the target, without disruptions.")
    invocations: int = Field(
        default=0, ge=0, description="Invocations that have ended, for a target outside the cluster."
    )
    cost: str = Field(
        default="0",
        max_length=32,
        description="Estimated cost of the invocations, in the currency of the target's price.",
    )


class SoundStatus(StatusModel):
    """What is heard in the film."""

    sources: int = Field(default=0, ge=0, description="Files of which something is heard.")
    seconds: float = Field(default=0, ge=0, description="Seconds of sound, of all files together.")
    loudness: float | None = Field(
        default=None, description="Loudness of the whole film in LUFS (EBU R128). Not there for silence."
    )


class FilmStatus(StatusModel):
    """The finished film."""

    url: str = Field(max_length=2200, description="Where the film is, or will be.")
    sha256: str = Field(default="", max_length=64, description="SHA-256 of the file.")
    bytes: int = Field(default=0, ge=0, description="Size of the file in bytes.")
    frames: int = Field(default=0, ge=0, description="Frames counted in the file.")
    sound: SoundStatus | None = Field(default=None, description="What is heard. Not there for a silent film.")


class RenderJobStatus(StatusModel):
    """Progress and result of the render."""

    observedGeneration: int = Field(
        default=UNOBSERVED, ge=UNOBSERVED, description="Generation of the spec that this status describes."
    )
    phase: Phase = Field(default="Pending", description="Summary for people; programs should read conditions.")
    progress: str = Field(default="", max_length=8, description="Share of chunks that are done, in percent.")
    summary: str = Field(default="", max_length=24, description="Chunks done out of all, such as 12/36.")
    startTime: datetime | None = Field(default=None, description="When the render started or was last resumed.")
    completionTime: datetime | None = Field(default=None, description="When the render completed or failed.")
    plan: PlanStatus | None = Field(default=None, description="Result of the plan.")
    chunks: ChunkCounts = Field(default=ChunkCounts(), description="Chunks by state.")
    chunkMap: str = Field(
        default="",
        max_length=MAX_CHUNKS,
        pattern="^[.a#=!]*$",
        description="One character per chunk: . waiting, a active, # done, = found in the store, ! failed.",
    )
    failures: int = Field(default=0, ge=0, description="Failed attempts at all stages, without disruptions.")
    lastFailure: str = Field(
        default="", max_length=MAX_LAST_FAILURE, description="What the last failed attempt said, while it is retried."
    )
    retries: list[Retry] = Field(
        default_factory=list,
        max_length=MAX_RETRY_ENTRIES,
        description="Failed attempts at work that is not done yet.",
        json_schema_extra=listed("stage", "chunk"),
    )
    targets: list[TargetStatus] = Field(
        default_factory=list,
        max_length=MAX_TARGETS,
        description="Each target's share of this render.",
        json_schema_extra=listed("name"),
    )
    output: FilmStatus | None = Field(default=None, description="The film.")
    replans: ReplanStatus | None = Field(
        default=None, description="Plans in addition to the first, and why they were made."
    )
    operator: str = Field(
        default="", max_length=320, description="Lease of the operator that looks after this RenderJob."
    )
    conditions: list[Condition] = Field(
        default_factory=list,
        max_length=16,
        description="Ready, Planned, Rendered, Complete, Failed, Suspended, and kstatus' Reconciling and Stalled.",
        json_schema_extra=listed("type"),
    )
