"""Segments: the file that a chunk leaves behind, written unit by unit, and the proof that it is whole."""

from hashlib import file_digest
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from pydantic import BaseModel, ConfigDict

from helios_worker.encode.assembly import Assembly
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
    path: Path, settings: EncoderSettings | None = None, *, decode: bool = True
) -> SegmentInfo:
    """Read a whole segment and prove it.

    settings: what it must have been made with; by default any. decode: decode and count every frame;
    otherwise only read the packets, which finds lost and repeated frames but not damaged ones. Raises
    CorruptSegment naming the file and the frame.
    """
    with open_track(path, fps=settings.fps if settings else None) as track:
        frames = decoded_frames(track) if decode else sum(1 for _ in track.packets())
        parameters = track.parameters
    if settings is not None:
        _check_settings(path, parameters, settings)
    return _describe(path, frames, parameters, decoded=decode)


def decoded_frames(track: TrackReader) -> int:
    """Decode every frame of a track and count them.

    Raises CorruptSegment at the first frame that does not decode, or comes out at another time than its own.
    """
    context = track.stream.codec_context
    context.thread_type = "AUTO"
    # By default a damaged frame is patched from its neighbours and passes.
    context.options = {"err_detect": "explode"}
    count = 0
    try:
        for local in track.packets():
            for frame in context.decode(local.packet):
                _check_shown(track, frame, count)
                count += 1
        for frame in context.decode(None):
            _check_shown(track, frame, count)
            count += 1
    except av.FFmpegError as error:
        raise CorruptSegment(track.name, f"does not decode ({error.strerror})", frame=count) from error
    if count != track.declared_frames:
        raise CorruptSegment(
            track.name, f"missing after decoding {track.declared_frames} packets", frame=count
        )
    return count


def _check_shown(track: TrackReader, frame: av.VideoFrame, count: int) -> None:
    if frame.is_corrupt:
        raise CorruptSegment(track.name, "decodes to a damaged picture", frame=count)
    number = track.frame_number(frame.pts, packet=count)
    if number != count:
        raise CorruptSegment(track.name, f"missing; frame {number} is shown instead", frame=count)


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
    return SegmentInfo(
        frames=frames, bytes=path.stat().st_size, sha256=digest, parameters=parameters, decoded=decoded
    )
