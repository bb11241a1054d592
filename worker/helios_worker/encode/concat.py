"""The stitch: segments in order to one film, by copying packets."""

from collections.abc import Sequence
from pathlib import Path

from helios_worker.encode.assembly import Assembly
from helios_worker.encode.settings import EncoderSettings
from helios_worker.encode.track import Source, open_track


def concatenate(
    segments: Sequence[Source], output: Path, settings: EncoderSettings, *, expected: Sequence[int]
) -> None:
    """Write `output` from `segments`, whose frame counts must be `expected`.

    The same units give the same bytes, however they were grouped into segments. Segments are opened one at a
    time. On any error no output is left. Raises CorruptSegment for a damaged segment and SegmentMismatch,
    with its index, for one that does not belong here.
    """
    if len(segments) != len(expected):
        raise ValueError(f"{len(segments)} segments, but {len(expected)} frame counts")
    assembly = Assembly(output, settings, faststart=True)
    try:
        for index, (segment, frames) in enumerate(zip(segments, expected, strict=True)):
            name = str(segment) if isinstance(segment, Path) else f"segment {index}"
            with open_track(segment, name=name, fps=settings.fps) as track:
                assembly.append(track, expected=frames)
        assembly.close()
    except BaseException:
        assembly.abandon()
        raise
