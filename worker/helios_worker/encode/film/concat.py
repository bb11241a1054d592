"""Joins segments in order to one file, by copying packets."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from helios_worker.encode.audio.copy import open_audio
from helios_worker.encode.film.assembly import Assembly
from helios_worker.encode.mp4.track import Source, open_track
from helios_worker.encode.video.settings import EncoderSettings
from helios_worker.errors import CorruptSegment


def concatenate(
    segments: Sequence[Source],
    output: Path,
    settings: EncoderSettings,
    *,
    expected: Sequence[int],
    audio: Source | None = None,
) -> None:
    """Writes `output` from `segments`, whose frame counts must be `expected`.

    audio: an encoded audio file whose packets are copied beside the video, with its encoder delay.

    The same units give the same bytes, however they were grouped into segments. Segments are opened one at a time. On
    any error no output is left.

    Raises:
        CorruptSegment: a segment is missing or damaged; has its index.
        SegmentMismatch: a segment does not fit the others or its expected length; has its index.
    """
    if len(segments) != len(expected):
        raise ValueError(f"{len(segments)} segments, but {len(expected)} frame counts")
    with ExitStack() as stack:
        track = stack.enter_context(open_audio(audio)) if audio is not None else None
        assembly = Assembly(output, settings, audio=track)
        try:
            for index, (segment, frames) in enumerate(zip(segments, expected, strict=True)):
                name = str(segment) if isinstance(segment, Path) else f"segment {index}"
                try:
                    with open_track(segment, name=name, fps=settings.fps) as piece:
                        assembly.append(piece, expected=frames)
                except CorruptSegment as error:
                    error.index = index
                    raise
            assembly.close()
        except BaseException:
            assembly.abandon()
            raise
