"""The request for a render: a composition, a video, how to divide it into chunks, and where to put the film.

The command line fills it from its options, the operator from a RenderJob's spec (mapping.py). Field names are those of
the API.
"""

import json
import operator
import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import from_json

from helios_crds.numbers import shown
from helios_crds.page_environment import ColorScheme, Locale, TimeZone, WaitFor
from helios_crds.paths import InnerPath, Query
from helios_crds.words import USUAL_CAPTURE, USUAL_CRF, USUAL_FRAME_TIMEOUT, USUAL_PRESET, USUAL_QUALITY

MAX_SIDE = 8192
MAX_FRAMES = 10_000_000
MAX_CHUNKS = 10_000
MAX_FPS = 240
MAX_SECONDS = 10**10
"""More than any duration of the API can say."""
MAX_PROPS_DEPTH = 64
"""JSON readers fail somewhere beyond a hundred levels, each at another depth."""
MAX_PROPS = 4 << 20
"""Bytes of JSON. Every frame and worker of a page gets the props."""
MAX_PLACE = 8192
"""Characters of a path or address."""
MAX_TRACKS = 320
"""The API server refuses rules about the addresses of more than 406."""
MIN_GAIN_DB, MAX_GAIN_DB = -120, 60
MIN_BITRATE, MAX_BITRATE = 32, 512
"""Kilobits per second of stereo."""
MIN_LOUDNESS, MAX_LOUDNESS = -50, -5
SLOWEST = 1000
"""Seconds that a frame lasts at most; players and file formats fail at some longer one."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _fps_text(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | Fraction):
        return value
    if isinstance(value, int) and abs(value) >= 10**FPS_DIGITS:
        raise ValueError(FPS_RANGE)
    return str(value)


FPS_DIGITS = 18
FPS_RANGE = f"is out of range: write a rate above 0 and at most {MAX_FPS} frames per second"
_FPS = re.compile(rf"([0-9]{{1,{FPS_DIGITS}}})(?:/([0-9]{{1,{FPS_DIGITS}}}))?")


def check_fps(value: str) -> str:
    """A whole number or a fraction of whole numbers, so that a frame's time is exact."""
    found = _FPS.fullmatch(value)
    if found is None:
        raise ValueError(f"{shown(value)!r} is not exact: write 30, or a fraction such as 30000/1001 for 29.97")
    numerator, denominator = int(found[1]), int(found[2] or 1)
    if denominator == 0 or not 0 < Fraction(numerator, denominator) <= MAX_FPS:
        raise ValueError(f"{shown(value)!r} {FPS_RANGE}")
    fps = Fraction(numerator, denominator)
    if fps < Fraction(1, SLOWEST):
        raise ValueError(f"{shown(value)!r} is out of range: write 1/{SLOWEST} or more, a frame in {SLOWEST} seconds")
    if max(fps.numerator, fps.denominator) >= 10**9:
        raise ValueError(
            f"{shown(value)!r} has too many digits: use at most nine in the numerator and in the denominator"
        )
    return str(fps)


def nesting(value: Any) -> int:
    """How deep a JSON value is nested, found without recursion."""
    depth, level = 0, [value]
    while level := [found for each in level if isinstance(each, dict | list | tuple) for found in _within(each)]:
        depth += 1
    return depth


def _within(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def check_props(value: Any) -> Any:
    """A JSON value that every stage can read, write and hand to a page. Whole numbers beyond 64 bits become floats.

    JavaScript has only the latter.
    """
    if value is None:
        return None
    if nesting(value) > MAX_PROPS_DEPTH:
        raise ValueError(f"the props are nested more than {MAX_PROPS_DEPTH} levels deep: make them flatter")
    value = _as_javascript(value)
    try:
        size = len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())
    except (TypeError, ValueError) as error:  # nan, an object that is not JSON, half of a surrogate pair
        raise ValueError(f"the props cannot be written as JSON: {error}") from None
    if size > MAX_PROPS:
        raise ValueError(
            f"the props have {size} bytes, more than {MAX_PROPS}: put the data into a file beside the page"
        )
    return value


def _as_javascript(value: Any) -> Any:
    match value:
        case bool():
            return value
        case int() if not -(1 << 63) <= value < 1 << 64:
            try:
                return float(value)
            except OverflowError:
                raise ValueError("the props hold a number that is too large for JavaScript") from None
        case dict():
            return {name: _as_javascript(each) for name, each in value.items()}
        case list() | tuple():
            return [_as_javascript(each) for each in value]
    return value


Fps = Annotated[str, BeforeValidator(_fps_text), AfterValidator(check_fps)]
Props = Annotated[Any, AfterValidator(check_props)]
# A negative frame gets a message of its own below.
Frame = Annotated[int, Field(ge=-MAX_FRAMES, le=MAX_FRAMES)]
Second = Annotated[float, Field(ge=-MAX_SECONDS, le=MAX_SECONDS)]


class CompositionRequest(_Model):
    """The page.

    url: a page, a folder or an archive: a local path, file://, s3://, gs://, az://, http:// or https://.
    entry: the page to open in a folder or an archive.
    query: what follows the page's path in its address, such as ?lang=de#intro. Of a page on the web, the URL has it.
    props: a JSON value that the page reads as window.__HELIOS_PROPS__.
    seed: of the page's random numbers.
    seeking: whether the page can jump to any frame (Seekable) or needs all before it (Stateful); Auto tests it.
    pageErrors: whether an uncaught error or a missing file ends the render (fail) or is only reported (warn).
    timeZone, locale, colorScheme: of the page, such as Europe/Berlin, de-DE and dark; None for UTC, en-US and light.
    waitFor: CSS selector of an element that must be in the page before the film begins.
    """

    url: str = Field(min_length=1, max_length=MAX_PLACE)
    entry: InnerPath = "index.html"
    query: Query = Field(default="", exclude_if=operator.not_)
    props: Props = None
    seed: int = Field(default=0, ge=0, lt=1 << 32)
    seeking: Literal["Auto", "Seekable", "Stateful"] = "Auto"
    pageErrors: Literal["fail", "warn"] = "fail"
    timeZone: TimeZone = None
    locale: Locale = None
    colorScheme: ColorScheme = None
    waitFor: WaitFor = None


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
    duration: float | None = Field(default=None, gt=0, le=MAX_SECONDS)
    frames: int | None = Field(default=None, ge=1, le=MAX_FRAMES)
    range: tuple[Frame, Frame | None] | None = None
    rangeSeconds: tuple[Second, Second | None] | None = None
    codec: str = Field(default="h264", max_length=64)
    crf: int = Field(default=USUAL_CRF, ge=-1000, le=1000)
    preset: str = Field(default=USUAL_PRESET, max_length=64)
    capture: Literal["jpeg", "png"] = USUAL_CAPTURE
    quality: int = Field(default=USUAL_QUALITY, ge=1, le=100)
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

    frames: int | None = Field(default=None, ge=1, le=MAX_FRAMES)
    count: int | None = Field(default=None, ge=1, le=MAX_CHUNKS)
    targetSeconds: float | None = Field(default=None, gt=0, le=MAX_SECONDS)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.frames, self.count, self.targetSeconds)) > 1:
            raise ValueError("give one of frames, count and targetSeconds")
        return self


class AudioTrackRequest(_Model):
    """A sound file that is mixed into the film. Times in seconds.

    url: of the file, as a composition's. start: when it begins in the film.
    trim: how much of the file's beginning is left out.
    duration: how long it is heard; None to its end or the film's. gainDb: decibels; negative ones are quieter.
    fadeIn, fadeOut: lengths of the fades at its beginning and end. loop: whether it begins again where it ends.
    """

    url: str = Field(min_length=1, max_length=MAX_PLACE)
    start: float = Field(default=0.0, ge=0, le=MAX_SECONDS)
    trim: float = Field(default=0.0, ge=0, le=MAX_SECONDS)
    duration: float | None = Field(default=None, gt=0, le=MAX_SECONDS)
    gainDb: float = Field(default=0.0, ge=MIN_GAIN_DB, le=MAX_GAIN_DB)
    fadeIn: float = Field(default=0.0, ge=0, le=MAX_SECONDS)
    fadeOut: float = Field(default=0.0, ge=0, le=MAX_SECONDS)
    loop: bool = False


class AudioRequest(_Model):
    """The film's sound.

    codec: none for a silent film, whatever page and tracks play. bitrate: kilobits per second.
    loudness: LUFS that the whole film is brought to (EBU R128), such as -14; None to leave it as it is mixed.
    tracks: what is heard in addition to the page.
    """

    codec: Literal["aac", "opus", "none"] = "aac"
    bitrate: int = Field(default=192, ge=MIN_BITRATE, le=MAX_BITRATE)
    loudness: float | None = Field(default=None, ge=MIN_LOUDNESS, le=MAX_LOUDNESS)
    tracks: tuple[AudioTrackRequest, ...] = Field(default=(), max_length=MAX_TRACKS)

    def is_usual(self) -> bool:
        """Whether nothing is asked for. Requests are then written as those before there was sound."""
        return self == AudioRequest()


class RenderRequest(_Model):
    """The whole request. frameTimeout: seconds of real time to wait for one frame before it counts as stuck."""

    composition: CompositionRequest
    video: VideoRequest = VideoRequest()
    audio: AudioRequest = Field(default=AudioRequest(), exclude_if=AudioRequest.is_usual)
    chunking: ChunkingRequest = ChunkingRequest()
    frameTimeout: float = Field(default=USUAL_FRAME_TIMEOUT, gt=0, le=MAX_SECONDS)
    output: str | None = Field(default=None, max_length=MAX_PLACE)


class JobSpecRequest(_Model):
    """A request for a film whose job.json is there already.

    jobSpec: URL of that file. sha256: of the file. output: URL of the film.
    """

    jobSpec: str = Field(min_length=1, max_length=MAX_PLACE)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    output: str = Field(max_length=MAX_PLACE)


def request_in(data: bytes) -> RenderRequest | JobSpecRequest:
    """The request in a JSON text: for a composition, or for a job.json, which it then names.

    Raises:
        ValidationError: it is neither.
    """
    try:
        value = from_json(data)
    except ValueError:  # which the model explains
        value = None
    form = JobSpecRequest if isinstance(value, dict) and "jobSpec" in value else RenderRequest
    return form.model_validate_json(data)
