"""Verifies segments, the files of units and chunks, and describes them."""

from hashlib import file_digest
from itertools import chain
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from helios_worker.encode.mp4.parameters import CodecParameters
from helios_worker.encode.mp4.track import TrackReader, open_track
from helios_worker.encode.proof.decode import ProvingDecoder
from helios_worker.encode.video.settings import EncoderSettings
from helios_worker.errors import CorruptSegment


class SegmentInfo(BaseModel):
    """A segment file, as read.

    frames: counted, not declared. bytes, sha256: of the file. decoded: whether every frame was decoded, instead of only
    every packet read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    frames: int
    bytes: int
    sha256: str
    parameters: CodecParameters
    decoded: bool


def inspect_segment(
    path: Path, settings: EncoderSettings | None = None, *, decode: bool = True, threads: int = 1
) -> SegmentInfo:
    """Reads a whole segment and verifies it.

    settings: that it must have been encoded with; by default any.
    decode: whether to decode and count every frame. Reading packets alone finds lost and repeated frames, but not
        damaged ones.
    threads: of the decoder.

    Raises:
        CorruptSegment: the segment is damaged, or was encoded with other settings; has the file and the frame.
    """
    with open_track(path, fps=settings.fps if settings else None) as track:
        frames = _decoded_frames(track, threads) if decode else sum(1 for _ in track.packets())
        parameters = track.parameters
    if settings is not None:
        _check_settings(path, parameters, settings)
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return SegmentInfo(frames=frames, bytes=path.stat().st_size, sha256=digest, parameters=parameters, decoded=decode)


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
