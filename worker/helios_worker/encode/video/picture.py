"""Converts a captured picture, as bytes, to a frame for the encoder: BT.709, limited range, tagged.

There are two kinds of input:

JPEG. Chromium writes 4:2:0, full range, BT.601. The conversion to BT.709 limited stays in YUV: FFmpeg's
`colorspace` filter applies one 3×3 matrix with correct rounding, at chroma resolution for chroma. It is
within 0.5 of the exact value and takes 0.5 ms at 1080p, where swscale's best setting takes 12 ms and is off
by 30 on coloured edges (bench/encode/picture.py).

PNG and WebP. RGB goes through swscale; averaging each 2×2 block (AREA) is within 0.51 of exact.

Both leave chroma in the centre of its four pixels. H.264 assumes "left" unless the stream says otherwise, so the stream
says centre (`chromaloc=1`, codecs.py). Decoded as "left", chroma on the benchmark's page has a PSNR of 43 dB, decoded
as centre 59 dB. Moving chroma by a quarter sample instead would blur what JPEG has averaged already.
"""

from itertools import pairwise
from typing import Final

import av
from av.filter import Graph
from av.video.reformatter import (
    ColorPrimaries,
    ColorRange,
    Colorspace,
    ColorTrc,
    Interpolation,
    VideoReformatter,
)

from helios_worker.encode.video.codecs import Capture
from helios_worker.encode.video.settings import EncoderSettings
from helios_worker.errors import BadPicture

SIGNATURES: Final[tuple[tuple[bytes, Capture], ...]] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"RIFF", "webp"),
)
DECODERS: Final[dict[Capture, str]] = {"jpeg": "mjpeg", "png": "png", "webp": "webp"}
JPEG_LAYOUT: Final = "yuvj420p"


class PictureDecoder:
    """Turns captured pictures into frames for one encoder. Keeps decoders warm; for one thread at a time.

    The same bytes as before give the same frame object. A still page then costs nothing here, and `UnitEncoder`
    recognises it.
    """

    def __init__(self, settings: EncoderSettings) -> None:
        self._settings = settings
        self._captures = settings.row.formats[settings.pixel_format].captures
        self._decoders: dict[Capture, av.VideoCodecContext] = {}
        self._jpeg_matrix: Graph | None = None
        self._reformatter = VideoReformatter()
        self._last: tuple[bytes, av.VideoFrame] | None = None

    def decode(self, data: bytes) -> av.VideoFrame:
        """The picture as a frame of the job's size and pixel format, with all four colour fields set.

        Raises:
            BadPicture: the bytes are not a picture, the picture is damaged or has another size than the job, or its
                format has too little colour for the job's pixel format.
        """
        if self._last is not None and data == self._last[0]:
            return self._last[1]
        frame = self._convert(data)
        self._last = (data, frame)
        return frame

    def _convert(self, data: bytes) -> av.VideoFrame:
        capture = _capture_format(data)
        if capture not in self._captures:
            raise BadPicture(
                f"a {capture} picture carries too little colour for {self._settings.pixel_format}",
                remedy=f"capture as {' or '.join(sorted(self._captures))}",
            )
        picture = self._decompress(capture, data)
        given, wanted = (picture.width, picture.height), (self._settings.width, self._settings.height)
        if given != wanted:
            raise BadPicture(f"the captured picture is {given[0]}×{given[1]}, the video is {wanted[0]}×{wanted[1]}")
        frame = self._from_jpeg(picture) if capture == "jpeg" else self._from_rgb(picture)
        _tag(frame)
        return frame

    def _decompress(self, capture: Capture, data: bytes) -> av.VideoFrame:
        if capture not in self._decoders:
            self._decoders[capture] = _decoder(capture)
        decoder = self._decoders[capture]
        packet = av.Packet(data)
        packet.is_keyframe = True  # or FFmpeg's PNG decoder draws the picture over the one before
        try:
            frames = decoder.decode(packet)
        except av.FFmpegError as error:
            decoder.flush_buffers()
            raise BadPicture(f"the captured {capture} ({len(data)} bytes) is damaged: {error.strerror}") from error
        if len(frames) != 1:
            raise BadPicture(f"the captured {capture} ({len(data)} bytes) holds {len(frames)} pictures")
        return frames[0]

    def _from_jpeg(self, picture: av.VideoFrame) -> av.VideoFrame:
        if picture.format.name != JPEG_LAYOUT:
            raise BadPicture(
                f"the captured jpeg is stored as {picture.format.name}, not 4:2:0",
                remedy="capture as Chromium does, or as png",
            )
        if self._jpeg_matrix is None:
            self._jpeg_matrix = _jpeg_matrix(self._settings)
        self._jpeg_matrix.push(picture)
        frame = self._jpeg_matrix.pull()
        assert isinstance(frame, av.VideoFrame)
        return frame

    def _from_rgb(self, picture: av.VideoFrame) -> av.VideoFrame:
        # Only matrix and range. Asking for a transfer function too would convert one: a PNG's gAMA or sRGB
        # chunk sets the source's, and pages are drawn and played as if sRGB and BT.709 were the same.
        return self._reformatter.reformat(
            picture,
            format=self._settings.pixel_format,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.AREA
            | Interpolation.ACCURATE_RND
            | Interpolation.BITEXACT
            | Interpolation.FULL_CHR_H_INP,
            threads=1,
        )


def _capture_format(data: bytes) -> Capture:
    for signature, capture in SIGNATURES:
        if data.startswith(signature):
            return capture
    raise BadPicture(f"{len(data)} bytes starting with {data[:8].hex()} are not a jpeg, png or webp")


def _decoder(capture: Capture) -> av.VideoCodecContext:
    decoder = av.VideoCodecContext.create(DECODERS[capture], "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1  # a lane is a thread already
    decoder.options = {
        "err_detect": "explode",  # by default a cut JPEG becomes a half grey picture
        "idct": "simple",  # the same samples with and without SIMD
    }
    return decoder


def _jpeg_matrix(settings: EncoderSettings) -> Graph:
    """A filter from JPEG's BT.601 full range to BT.709 limited range, sample by sample."""
    graph = Graph()
    graph.threads = 1
    size = f"{settings.width}x{settings.height}"
    time_base = f"{settings.time_base.numerator}/{settings.time_base.denominator}"
    chain = [
        graph.add(
            "buffer",
            f"video_size={size}:pix_fmt={JPEG_LAYOUT}:time_base={time_base}:colorspace=bt470bg:range=pc",
        ),
        # Equal primaries and transfer on both sides, so that only the matrix is applied.
        graph.add("setparams", "color_primaries=bt709:color_trc=bt709:colorspace=bt470bg:range=pc"),
        graph.add("colorspace", f"all=bt709:range=tv:format={settings.pixel_format}:fast=1"),
        graph.add("buffersink"),
    ]
    for source, sink in pairwise(chain):
        source.link_to(sink)
    graph.configure()
    return graph


def _tag(frame: av.VideoFrame) -> None:
    frame.colorspace = Colorspace.ITU709
    frame.color_range = ColorRange.MPEG
    frame.color_trc = ColorTrc.BT709
    frame.color_primaries = ColorPrimaries.BT709
    frame.pict_type = 0  # a decoded picture says I, which would make every frame a key frame
    frame.pts = None
