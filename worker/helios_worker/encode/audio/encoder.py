"""Encodes a mix to a file whose packets are copied beside the video."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from helios_worker.encode.audio.samples import Samples, frame_of, nothing
from helios_worker.encode.audio.score import SAMPLE_RATE
from helios_worker.encode.mp4.output import write_errors

ENCODERS = {"aac": "aac", "opus": "libopus"}


def encode_sound(blocks: Iterable[Samples], path: Path, codec: str, bitrate: int) -> int:
    """Writes stereo sound of SAMPLE_RATE to an MP4 file, whose edit list hides the encoder's delay.

    codec: of ENCODERS. bitrate: kilobits per second.

    Returns:
        The number of samples.

    Raises:
        ResourceError: the disk is full.
    """
    options = {"fflags": "+bitexact", "movie_timescale": str(SAMPLE_RATE)}
    with write_errors(path):
        container = av.open(str(path), "w", format="mp4", options=options)
    try:
        stream = container.add_stream(ENCODERS[codec], rate=SAMPLE_RATE)
        assert isinstance(stream, av.AudioStream)
        context = stream.codec_context
        context.layout = "stereo"
        context.bit_rate = bitrate * 1000
        context.time_base = Fraction(1, SAMPLE_RATE)
        context.open()
        count = 0
        for frame in _frames(blocks, context.frame_size, context.format):
            frame.pts = count
            count += frame.samples
            packets = stream.encode(frame)
            with write_errors(path):
                container.mux(packets)
        with write_errors(path):
            container.mux(stream.encode(None))
    finally:
        with write_errors(path):
            container.close()
    return count


def _frames(blocks: Iterable[Samples], size: int, kind: av.AudioFormat) -> Iterable[av.AudioFrame]:
    """The blocks as the encoder takes them: in frames of its size; the last one may be shorter."""
    pending = nothing()
    for block in blocks:
        pending = np.concatenate([pending, block]) if len(pending) else block
        whole = len(pending) // size * size
        for start in range(0, whole, size):
            yield frame_of(pending[start : start + size], SAMPLE_RATE, is_planar=kind.is_planar)
        pending = pending[whole:]
    if len(pending):
        yield frame_of(pending, SAMPLE_RATE, is_planar=kind.is_planar)
