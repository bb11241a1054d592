"""The request for a render: a composition, a video, how to divide it into chunks, and where to put the film.

The command line fills it from its options, the operator from a RenderJob's spec (mapping.py). Field names are those of
the API.
"""

from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

MAX_SIDE = 8192
MAX_FRAMES = 10_000_000
MAX_CHUNKS = 10_000
MAX_FPS = 240
SLOWEST = 1000
"""Seconds that a frame lasts at most; players and file formats fail at some longer one."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _fps_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | Fraction) and not isinstance(value, bool) else value


def check_fps(value: str) -> str:
    """A whole number or a fraction of whole numbers, so that a frame's time is exact."""
    numerator, slash, denominator = value.partition("/")
    if not numerator.isdecimal() or (slash and not denominator.isdecimal()):
        raise ValueError(f"{value!r} is not exact: write 30, or a fraction such as 30000/1001 for 29.97")
    if int(denominator or 1) == 0 or not 0 < Fraction(int(numerator), int(denominator or 1)) <= MAX_FPS:
        raise ValueError(f"{value!r} is out of range: write a rate above 0 and at most {MAX_FPS} frames per second")
    fps = Fraction(int(numerator), int(denominator or 1))
    if fps < Fraction(1, SLOWEST):
        raise ValueError(f"{value!r} is out of range: write 1/{SLOWEST} or more, a frame in {SLOWEST} seconds")
    if max(fps.numerator, fps.denominator) >= 10**9:
        raise ValueError(f"{value!r} has too many digits: use at most nine in the numerator and in the denominator")
    return str(fps)


Fps = Annotated[str, BeforeValidator(_fps_text), AfterValidator(check_fps)]


class CompositionRequest(_Model):
    """The page.

    url: a page, a folder or an archive: a local path, file://, s3://, gs://, az://, http:// or https://.
    entry: the page to open in a folder or an archive.
    props: a JSON value that the page reads as window.__HELIOS_PROPS__.
    seed: of the page's random numbers.
    seeking: whether the page can jump to any frame (Seekable) or needs all before it (Stateful); Auto tests it.
    pageErrors: whether an uncaught error or a missing file ends the render (fail) or is only reported (warn).
    """

    url: str = Field(min_length=1)
    entry: str = "index.html"
    props: Any = None
    seed: int = Field(default=0, ge=0, lt=1 << 32)
    seeking: Literal["Auto", "Seekable", "Stateful"] = "Auto"
    pageErrors: Literal["fail", "warn"] = "fail"


class VideoRequest(_Model):
    """Size, rate, length and encoding of the picture. The page declares what is left out.

    duration: seconds; frames: their number; at most one of the two.
    range: the part of the film to render, as (first frame, frame after the last); None as the second: to the end.
    rangeSeconds: the same in seconds, instead of range.
    capture: image format of captured frames: jpeg is faster, png is lossless. quality: of JPEG.
    unitFrames: key-frame interval in frames; chunks start only on key frames. Defaults to two seconds.
    """

    width: int | None = Field(default=None, ge=2, le=MAX_SIDE)
    height: int | None = Field(default=None, ge=2, le=MAX_SIDE)
    fps: Fps | None = None
    duration: float | None = Field(default=None, gt=0)
    frames: int | None = Field(default=None, ge=1, le=MAX_FRAMES)
    range: tuple[int, int | None] | None = None
    rangeSeconds: tuple[float, float | None] | None = None
    codec: str = "h264"
    crf: int = 18
    preset: str = "veryfast"
    capture: Literal["jpeg", "png"] = "jpeg"
    quality: int = Field(default=95, ge=1, le=100)
    unitFrames: int | None = Field(default=None, ge=1, le=10_000)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.duration is not None and self.frames is not None:
            raise ValueError("give duration or frames, not both")
        if self.range is not None and self.rangeSeconds is not None:
            raise ValueError("give range or rangeSeconds, not both")
        for limits in filter(None, (self.range, self.rangeSeconds)):
            start, end = limits
            if start < 0 or (end is not None and end <= start):
                raise ValueError(f"the range {start}:{'' if end is None else end} contains no frames")
        return self


class ChunkingRequest(_Model):
    """How the film is divided into chunks, which start on key frames; at most one of the three.

    frames: per chunk, rounded up to the next key frame. count: most chunks. targetSeconds: estimated work per chunk.
    """

    frames: int | None = Field(default=None, ge=1)
    count: int | None = Field(default=None, ge=1, le=MAX_CHUNKS)
    targetSeconds: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.frames, self.count, self.targetSeconds)) > 1:
            raise ValueError("give one of frames, count and targetSeconds")
        return self


class RenderRequest(_Model):
    """The whole request. frameTimeout: seconds of real time to wait for one frame before it counts as stuck."""

    composition: CompositionRequest
    video: VideoRequest = VideoRequest()
    chunking: ChunkingRequest = ChunkingRequest()
    frameTimeout: float = Field(default=30.0, gt=0)
    output: str | None = None
