"""job.json: the result of the plan, and all that a chunk or the stitch needs to know.

A superset of upstream Helios' file: id, metadata and chunks are upstream's, our own fields are under `helios`. A file
that upstream Helios made, whose chunks carry a `command`, is a JobSpec with `helios` unset.
"""

import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from helios_crds.addresses import is_web
from helios_crds.page_environment import ColorScheme, Locale, TimeZone, WaitFor, is_unset
from helios_crds.paths import Query, stays_inside
from helios_crds.request import MAX_CHUNKS, MAX_FRAMES
from helios_worker.artifacts.digests import NoneOrSha256, Sha256, canonical_json, json_digest
from helios_worker.encode.video.settings import EncoderSettings
from helios_worker.errors import CorruptArtifact

JOB_FORMAT = 2
"""Of job.json. Since 2 a job's ID is the digest of its content."""
CHUNK_FORMAT = 1
"""Of segments: part of every cache key."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Metadata(_Model):
    """The whole film. duration in seconds."""

    totalFrames: int
    fps: float
    width: int
    height: int
    duration: float


class Chunk(_Model):
    """A run of frames that is rendered as one piece.

    key: the chunk's cache key; see chunk_key. cost: estimated seconds of work on one processor.
    """

    id: int = Field(ge=0, lt=MAX_CHUNKS)
    startFrame: int = Field(ge=0, le=MAX_FRAMES)
    frameCount: int = Field(ge=1, le=MAX_FRAMES)
    outputFile: str
    command: str | None = None
    key: Annotated[str, StringConstraints(pattern="^[0-9a-z]{0,64}$")] = ""
    cost: float | None = None

    @property
    def end(self) -> int:
        """The frame after the last."""
        return self.startFrame + self.frameCount


class Engine(_Model):
    """The software and hardware that pixels and bytes depend on. Part of every cache key, and never guessed."""

    package: str
    browser: str
    codec: str
    fonts: str
    cpu: str


def _checked_entry(entry: str) -> str:
    if entry and not stays_inside(entry):
        raise ValueError("leads out of the composition")
    return entry


def _checked_url(url: str) -> str:
    if url and not is_web(url):
        raise ValueError("is none of the web: only http:// and https:// addresses are opened")
    return url


class FilmSpec(_Model):
    """Everything that shapes the frames; its digest is the job's.

    snapshot: digest of the composition's files; empty when the page is fetched from where it is.
    query: what follows the entry in the page's address.
    url: the page's address when there is no snapshot.
    recording: digest of what the network answered; empty when the page asks nothing of it.
    first, end: the frames rendered, of a film of `frames`.
    stateful: whether a page plays through all frames before the one it is to show. drawn: whether it draws them, too.
    looksAtSound: whether a page reads what comes of the sound of its AudioContexts, such as an AudioParam's value.
    timeZone, locale, colorScheme, waitFor: as in the request; what is None is not written.
    sendsHeaders: whether the page's server was sent headers, which the job does not have; None where it was not.
    """

    snapshot: NoneOrSha256 = ""
    entry: Annotated[str, AfterValidator(_checked_entry)] = "index.html"
    query: Query = Field(default="", exclude_if=operator.not_)
    url: Annotated[str, AfterValidator(_checked_url)] = ""
    recording: NoneOrSha256 = ""
    props: Any = None
    seed: int = 0
    frames: int = Field(ge=1, le=MAX_FRAMES)
    first: int = Field(ge=0, le=MAX_FRAMES)
    end: int = Field(ge=1, le=MAX_FRAMES)
    capture: Literal["jpeg", "png"]
    quality: int
    stateful: bool
    drawn: bool = Field(default=False, exclude_if=operator.not_)
    looksAtSound: bool = Field(default=False, exclude_if=operator.not_)
    page_errors: Literal["fail", "warn"]
    timeZone: TimeZone = None
    locale: Locale = None
    colorScheme: ColorScheme = None
    waitFor: WaitFor = None
    sendsHeaders: Annotated[Literal[True] | None, Field(exclude_if=is_unset)] = None
    encoder: EncoderSettings


class CostPoint(_Model):
    """A measurement: seconds to move the page to a frame and to take its picture."""

    frame: int
    seconds: float


class TrialPicture(_Model):
    """A picture that the plan has taken of a frame, on another way through the page than a chunk's."""

    frame: int
    sha256: Sha256


class HeliosJob(_Model):
    """Our part of job.json.

    plan: digest of the plan, which has no output yet; "" in the plan itself.
    pictures: what the plan has taken on its way through the page. Chunks must take the same.
    sound: digest of the sound plan; in a plan that of the page's own sound alone. A silent film has none.
    """

    format: int = JOB_FORMAT
    plan: NoneOrSha256 = ""
    engine: Engine
    film: FilmSpec
    frameTimeout: float = 30.0
    output: str | None = None
    warnings: tuple[str, ...] = ()
    costs: tuple[CostPoint, ...] = ()
    pictures: tuple[TrialPicture, ...] = Field(default=(), exclude_if=operator.not_)
    sound: NoneOrSha256 = Field(default="", exclude_if=operator.not_)


class JobSpec(BaseModel):
    """The whole file. Fields that are not named here are ignored.

    output: URL of the film of a job with commands that is rendered on a cluster; None on the command line, where its
    commands say it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    metadata: Metadata
    chunks: tuple[Chunk, ...] = Field(min_length=1, max_length=MAX_CHUNKS)
    mergeCommand: str | None = None
    assetsUrl: str | None = None
    output: str | None = None
    helios: HeliosJob | None = None

    @property
    def ours(self) -> HeliosJob:
        """The fields of this package.

        Raises:
            CorruptArtifact: the job was not planned by this package.
        """
        if self.helios is None:
            raise CorruptArtifact(f"job {self.id} was not planned by this package: its chunks can only run as commands")
        return self.helios

    @property
    def fps(self) -> Fraction:
        """The exact rate."""
        return self.ours.film.encoder.fps


class Manifest(_Model):
    """A chunk's commit. A chunk is done when it has a valid manifest.

    segment: key of the video file in the store; sha256, bytes: of it.
    firstPicture: SHA-256 of the captured picture of the first frame.
    nextPicture: the same of the frame after the last, with which the next chunk starts; None at the end of the film.
    seconds: real time of each step. worker: host and process that rendered the chunk.
    """

    key: str
    startFrame: int
    frameCount: int
    segment: str
    sha256: Sha256
    bytes: int
    firstPicture: str
    nextPicture: str | None
    engine: Engine
    seconds: dict[str, float] = {}
    worker: str = ""


def chunk_key(engine: Engine, film: FilmSpec, start: int, count: int) -> str:
    """The cache key of a chunk: the same key means the same bytes.

    The key depends on whether the film goes on after the chunk, since the chunk then also renders the picture at the
    seam. It does not depend on how long the film goes on.
    """
    return chunk_keys(engine, film)(start, count)


def chunk_keys(engine: Engine, film: FilmSpec) -> Callable[[int, int], str]:
    """The chunk_key of each of a film's chunks, by its first frame and its number of frames."""
    shaping = canonical_json(film.model_dump(mode="json", exclude={"first", "end", "frames"}))

    def key(start: int, count: int) -> str:
        return json_digest(
            {
                "format": CHUNK_FORMAT,
                "engine": engine.model_dump(),
                "film": orjson.Fragment(shaping),
                "start": start,
                "count": count,
                "goesOn": start + count < film.end,
            }
        )[:40]

    return key
