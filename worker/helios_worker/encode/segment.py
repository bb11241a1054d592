"""Segments: the file that a chunk leaves behind, written unit by unit, and the proof that it is whole."""

from hashlib import file_digest
from io import BytesIO
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import BaseModel, ConfigDict

from helios_worker.encode.assembly import Assembly
from helios_worker.encode.decode import ProvingDecoder
from helios_worker.encode.parameters import CodecParameters
from helios_worker.encode.settings import EncoderSettings
from helios_worker.encode.track import TrackReader, open_track
from helios_worker.encode.unit import EncodedUnit
from helios_worker.errors import CorruptSegment


class SegmentInfo(BaseModel):
    """What is known of a segment file after reading it.

    frames: counted, not declared. bytes, sha256: of the file. decoded: whether every frame was decoded, or
    only every packet read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    frames: int
    bytes: int
    sha256: str
    parameters: CodecParameters
    decoded: bool


class SegmentWriter:
    """Writes units to one segment file; as a context manager it removes the file when the block fails.

    Units are copied as they come, so memory does not grow with the segment.
    """

    def __init__(self, path: Path, settings: EncoderSettings) -> None:
        self._path = path
        self._fps = settings.fps
        self._assembly = Assembly(path, settings, faststart=False)

    def append(self, unit: EncodedUnit) -> None:
        """Add the next unit.

        Raises SegmentMismatch if it was encoded with other settings than the first.
        """
        with open_track(BytesIO(unit.mp4), name=f"unit {self._assembly.pieces}", fps=self._fps) as track:
            self._assembly.append(track, expected=unit.frames)

    def close(self) -> SegmentInfo:
        """Finish the file and describe it. It is not decoded yet: that is `inspect_segment`."""
        parameters = self._assembly.close()
        return _describe(self._path, self._assembly.frames, parameters, decoded=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self._assembly.abandon()


def inspect_segment(
    path: Path, settings: EncoderSettings | None = None, *, decode: bool = True, threads: int = 1
) -> SegmentInfo:
    """Read a whole segment and prove it.

    settings: what it must have been made with; by default any.
    decode: decode and count every frame; otherwise only read the packets, which finds lost and repeated frames
    but not damaged ones.
    threads: of the decoder.
    Raises CorruptSegment, naming the file and the frame.
    """
    with open_track(path, fps=settings.fps if settings else None) as track:
        frames = _decoded_frames(track, threads) if decode else sum(1 for _ in track.packets())
        parameters = track.parameters
    if settings is not None:
        _check_settings(path, parameters, settings)
    return _describe(path, frames, parameters, decoded=decode)


def _decoded_frames(track: TrackReader, threads: int) -> int:
    decoder = ProvingDecoder(track.stream.codec_context, threads=threads)
    count = 0
    for packet in chain((item.packet for item in track.packets()), [None]):
        for pts in decoder.feed(packet):
            if track.frame_number(pts, packet=count) != count:
                raise CorruptSegment(track.name, _damage(decoder), frame=count)
            count += 1
    if count != track.declared_frames or decoder.errors:
        raise CorruptSegment(track.name, _damage(decoder), frame=count)
    return count


def _damage(decoder: ProvingDecoder) -> str:
    return f"does not decode ({decoder.errors[0]})" if decoder.errors else "is not among the decoded frames"


def _check_settings(path: Path, parameters: CodecParameters, settings: EncoderSettings) -> None:
    wanted = {
        "codec": settings.codec,
        "width": settings.width,
        "height": settings.height,
        "pixel_format": settings.pixel_format,
    }
    for name, value in wanted.items():
        if getattr(parameters, name) != value:
            raise CorruptSegment(str(path), f"{name} {getattr(parameters, name)}, not {value}")


def _describe(path: Path, frames: int, parameters: CodecParameters, *, decoded: bool) -> SegmentInfo:
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return SegmentInfo(frames=frames, bytes=path.stat().st_size, sha256=digest, parameters=parameters, decoded=decoded)
