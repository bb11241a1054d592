"""All settings that shape the encoded bytes, as one immutable value in job.json."""

import re
from fractions import Fraction
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    field_validator,
    model_validator,
)

from helios_worker.encode.video.codecs import CODECS, Codec

UNIT_SECONDS = 2
"""Length of an encode unit. Shorter units cost size (each starts with a key frame), longer ones make a coarser grid."""

MAX_FPS = 1000


def _parse_fps(value: Any) -> Fraction:
    """Frames per second from 30, "30", "30000/1001" or a Fraction; never from a rounded decimal."""
    if isinstance(value, Fraction):
        fps = value
    elif isinstance(value, int) and not isinstance(value, bool):
        fps = Fraction(value)
    elif isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}(/[0-9]{1,9})?", value):
        numerator, _, denominator = value.partition("/")
        if int(denominator or 1) == 0:
            raise ValueError(f"fps {value} divides by zero")
        fps = Fraction(int(numerator), int(denominator or 1))
    else:
        raise ValueError(f"fps {value!r} is not exact; write 30 or a fraction such as 30000/1001 (for 29.97)")
    if not 0 < fps <= MAX_FPS:
        raise ValueError(f"fps {fps} is out of range; it must be above 0 and at most {MAX_FPS}")
    return fps


def _format_fps(fps: Fraction) -> str:
    return str(fps)


Fps = Annotated[
    Fraction,
    BeforeValidator(_parse_fps),
    PlainSerializer(_format_fps, return_type=str),
]
"""Exact frame rate; "30" or "30000/1001" in JSON."""


def default_unit_frames(fps: Fraction) -> int:
    """Frames in an encode unit of about two seconds: 48 at 24, 60 at 30000/1001 and 30, 120 at 60 fps."""
    return max(1, round(UNIT_SECONDS * fps))


class EncoderSettings(BaseModel):
    """Everything that the bytes of a segment depend on, besides its pictures and the build of the encoder.

    width, height: pixels. fps: exact. crf, preset: the codec's own scales.
    threads: of one encoder. Another number gives other bytes, so the job fixes it.
    unit_frames: length of the grid on which the film is cut into independently encoded units.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    codec: str = "h264"
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    fps: Fps
    crf: int
    preset: str
    threads: int = Field(default=1, ge=1, le=64)
    pixel_format: str = "yuv420p"
    unit_frames: int = Field(ge=1, le=10_000)

    @property
    def time_base(self) -> Fraction:
        """Seconds in one tick of every timestamp: one frame."""
        return 1 / self.fps

    @property
    def row(self) -> Codec:
        """This codec's row of the table."""
        return CODECS[self.codec]

    @field_validator("codec")
    @classmethod
    def _codec_is_known(cls, codec: str) -> str:
        if codec not in CODECS:
            raise ValueError(f"codec {codec!r} is not known; use one of: {', '.join(CODECS)}")
        return codec

    @model_validator(mode="after")
    def _codec_can_do_it(self) -> Self:
        row = self.row
        if self.preset not in row.presets:
            raise ValueError(
                f"preset {self.preset!r} is not known to {row.encoder}; use one of: {', '.join(row.presets)}"
            )
        lowest, highest = row.crf
        if not lowest <= self.crf <= highest:
            raise ValueError(f"crf {self.crf} is out of range; {self.codec} takes {lowest} to {highest}")
        if self.pixel_format not in row.formats:
            raise ValueError(f"{self.codec} is not made in {self.pixel_format!r}; use one of: {', '.join(row.formats)}")
        return self

    @model_validator(mode="after")
    def _size_fits(self) -> Self:
        across, down = self.row.formats[self.pixel_format].chroma
        steps = {"width": across, "height": down}
        for side, step in steps.items():
            length: int = getattr(self, side)
            if length > self.row.max_side:
                raise ValueError(f"{side} {length} is too large; {self.codec} takes at most {self.row.max_side}")
            if length % step:
                nearest = f"{length + 1} or {length - 1}" if length > 1 else "2"
                raise ValueError(f"{side} {length} is odd; {self.pixel_format} needs even sizes: use {nearest}")
        return self
