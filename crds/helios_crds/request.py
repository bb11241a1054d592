"""What a user asks for: a composition, a video, how to cut it, where to put it.

The same models that a RenderJob's spec is made of; the command line fills them from its options. Field
names are the API's.
"""

from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

MAX_SIDE = 8192
MAX_FRAMES = 10_000_000
MAX_CHUNKS = 10_000
MAX_FPS = 240


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
    if max(fps.numerator, fps.denominator) >= 10**9:
        raise ValueError(f"{value!r} has too many digits: use at most nine in the numerator and in the denominator")
    return str(fps)


Fps = Annotated[str, BeforeValidator(_fps_text), AfterValidator(check_fps)]


class Composition(_Model):
    """The page.

    url: a page, a folder or an archive: a local path, file://, s3://, gs://, az://, http:// or https://.
    entry: the page within a folder or an archive.
    props: a JSON value that the page finds as window.__HELIOS_PROPS__.
    seed: of the page's random numbers.
    seeking: whether a frame can be reached by jumping (Seekable), needs all before it (Stateful), or is tried.
    pageErrors: whether an uncaught error or a missing file ends the render.
    """

    url: str = Field(min_length=1)
    entry: str = "index.html"
    props: Any = None
    seed: int = Field(default=0, ge=0, lt=1 << 32)
    seeking: Literal["Auto", "Seekable", "Stateful"] = "Auto"
    pageErrors: Literal["fail", "warn"] = "fail"


class Video(_Model):
    """The picture. What is left out, the page declares.

    duration: seconds; frames: their number; one of the two at most.
    range: first frame and the one after the last to be rendered, of the whole film; None: up to its end.
    rangeSeconds: the same in seconds, instead of range.
    capture: how frames leave the browser: jpeg is fast, png exact. quality: of JPEG.
    unitFrames: frames from one key frame to the next, where chunks may be cut; by default two seconds.
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


class Chunking(_Model):
    """How the film is cut, always on the encoder's unit grid; one of the three at most.

    frames: of each chunk, at least. count: of chunks, at most. targetSeconds: estimated work in each.
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
    """All of it. frameTimeout: seconds of real time after which one frame counts as stuck."""

    composition: Composition
    video: Video = Video()
    chunking: Chunking = Chunking()
    frameTimeout: float = Field(default=30.0, gt=0)
    output: str | None = None
