"""The codec table: one row for each video codec that a job may use.

A row holds the codec's encoder, its pixel formats, the captured pictures that suffice for them, and the encoder's
options. Nothing else in this package names a codec.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Capture = Literal["jpeg", "png", "webp"]

LOSSLESS: Final[frozenset[Capture]] = frozenset({"png", "webp"})
ANY_CAPTURE: Final[frozenset[Capture]] = LOSSLESS | {"jpeg"}

X264_PRESETS: Final = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)

X264_PARAMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "open-gop": "0",  # every unit stands alone
        "cpu-independent": "1",  # same pixels with AVX-512, AVX2 and SSE2; costs nothing measurable
        "chromaloc": "1",  # pictures arrive with chroma in the centre of its four pixels: see `picture`
    }
)


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """A way to store pixels.

    chroma: pixels across and down that share one chroma sample. Width and height must be multiples of these.
    captures: formats of captured pictures that have enough colour for it.
    """

    chroma: tuple[int, int]
    captures: frozenset[Capture]


@dataclass(frozen=True, slots=True)
class Codec:
    """One row of the table.

    encoder: FFmpeg's name of the encoder. The stream determines the decoder.
    mp4_tag: sample entry in the MP4 file.
    formats: pixel formats it can encode, by FFmpeg's name.
    presets: speed names, fastest first.
    crf: lowest and highest constant rate factor.
    max_side: largest width or height in pixels.
    thread_type: how the encoder divides its work, which shapes the bytes.
    options: from crf and preset to the encoder's options. FFmpeg does not refuse an option that it does not know, so
        `UnitEncoder` checks that all were taken. x264 ignores unknown names inside `x264-params`, so those are
        constants, and tested.
    """

    name: str
    encoder: str
    mp4_tag: str
    formats: Mapping[str, PixelFormat]
    presets: tuple[str, ...]
    crf: tuple[int, int]
    max_side: int
    thread_type: Literal["FRAME", "SLICE"]
    options: Callable[[int, str], dict[str, str]]


def _x264_options(crf: int, preset: str) -> dict[str, str]:
    return {
        "crf": str(crf),
        "preset": preset,
        "x264-params": ":".join(f"{name}={value}" for name, value in X264_PARAMS.items()),
    }


CODECS: Final[Mapping[str, Codec]] = MappingProxyType(
    {
        codec.name: codec
        for codec in (
            Codec(
                name="h264",
                encoder="libx264",
                mp4_tag="avc1",
                formats=MappingProxyType({"yuv420p": PixelFormat(chroma=(2, 2), captures=ANY_CAPTURE)}),
                presets=X264_PRESETS,
                crf=(0, 51),
                max_side=16384,
                thread_type="FRAME",
                options=_x264_options,
            ),
        )
    }
)
