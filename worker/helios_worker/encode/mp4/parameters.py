"""Codec parameters, which a player reads before the first packet. Segments with other parameters cannot be joined."""

from fractions import Fraction
from hashlib import sha256

import av
from pydantic import BaseModel, ConfigDict


class ColorTags(BaseModel):
    """Colour fields as numbers of ITU-T H.273 (range: 1 limited, 2 full); 1, 1, 1, 1 is BT.709 limited."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    matrix: int
    transfer: int
    primaries: int
    range: int

    @classmethod
    def of(cls, context: av.VideoCodecContext) -> "ColorTags":
        """The tags that a stream carries."""
        return cls(
            matrix=context.colorspace,
            transfer=context.color_trc,
            primaries=context.color_primaries,
            range=context.color_range,
        )


BT709_LIMITED = ColorTags(matrix=1, transfer=1, primaries=1, range=1)


class CodecParameters(BaseModel):
    """Codec parameters of one video stream.

    width, height: pixels. extradata_sha256: of the codec's own header (SPS and PPS for H.264), hex.
    reorder_depth: by how many frames decoding runs ahead of presentation; D in the timestamp rule of `track`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    codec: str
    width: int
    height: int
    pixel_format: str
    fps: Fraction
    color: ColorTags
    extradata_sha256: str
    reorder_depth: int

    @classmethod
    def of(cls, stream: av.VideoStream, *, fps: Fraction, reorder_depth: int) -> "CodecParameters":
        """The parameters of an opened stream."""
        context = stream.codec_context
        return cls(
            codec=context.name,
            width=context.width,
            height=context.height,
            pixel_format=context.pix_fmt or "unknown",
            fps=fps,
            color=ColorTags.of(context),
            extradata_sha256=sha256(context.extradata or b"").hexdigest(),
            reorder_depth=reorder_depth,
        )

    def differences(self, other: "CodecParameters") -> list[str]:
        """One phrase, such as "width 1280, not 1920", for each field in which `other` differs."""
        mine, theirs = self.model_dump(), other.model_dump()
        return [f"{name} {theirs[name]}, not {mine[name]}" for name in mine if mine[name] != theirs[name]]
