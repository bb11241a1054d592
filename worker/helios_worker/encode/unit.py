"""One encode unit: a fresh encoder, the frames of one grid cell, one small MP4 in memory.

With constant quality an encoder's look-ahead and rate control reach over any cut, so chunks encoded apart
never equal one long encode. Here the film is cut on a fixed grid from frame 0 and every cell gets an encoder
of its own; whichever chunk, lane or machine encodes a cell, its bytes are the same.
"""

from dataclasses import dataclass
from io import BytesIO

import av

from helios_worker.encode.output import open_output
from helios_worker.encode.parameters import BT709_LIMITED
from helios_worker.encode.settings import EncoderSettings
from helios_worker.encode.track import TrackWriter
from helios_worker.errors import EncodeError


@dataclass(frozen=True, slots=True)
class EncodedUnit:
    """An encoded unit as plain data.

    mp4: its packets, local timestamps from 0 and codec parameters, as a complete file. A unit is the smallest
    segment, so everything that reads segments reads units.
    """

    mp4: bytes
    frames: int


class UnitEncoder:
    """Encodes one unit: `encode` for each frame in order, then `finish`. Memory is bounded by the unit."""

    def __init__(self, settings: EncoderSettings) -> None:
        self._settings = settings
        self._frames = 0
        self._file = BytesIO()
        self._container = open_output(self._file, settings.fps, faststart=False)
        self._stream = _add_encoder(self._container, settings)
        depth = self._stream.codec_context.reorder_depth
        self._track = TrackWriter(self._container, self._stream, settings.fps, depth)

    def encode(self, frame: av.VideoFrame) -> None:
        """Append a frame. The same object may be passed again for a picture that stands still.

        The frame's pts is overwritten, so it may not be in two encoders' hands at the same moment.
        Raises EncodeError beyond the unit's length and for a frame of another size or pixel format.
        """
        if self._frames >= self._settings.unit_frames:
            raise EncodeError(f"an encode unit holds {self._settings.unit_frames} frames, this is one more")
        self._check(frame)
        frame.pts = self._frames
        frame.time_base = self._settings.time_base
        frame.pict_type = 0
        self._frames += 1
        self._mux(frame)

    def finish(self) -> EncodedUnit:
        """Flush the encoder and return the unit. The encoder cannot be used after it.

        Raises EncodeError if no frame was given or if the encoder returned another number of packets.
        """
        if not self._frames:
            raise EncodeError("an encode unit needs at least one frame")
        self._mux(None)
        self._container.close()
        if self._track.packets != self._frames:
            raise EncodeError(f"{self._frames} frames went into the encoder, {self._track.packets} came out")
        return EncodedUnit(mp4=self._file.getvalue(), frames=self._frames)

    def _check(self, frame: av.VideoFrame) -> None:
        settings = self._settings
        given = (frame.width, frame.height, frame.format.name)
        wanted = (settings.width, settings.height, settings.pixel_format)
        if given != wanted:  # PyAV would scale it without a word
            raise EncodeError(f"frame {self._frames} of the unit is {given}, the video is {wanted}")

    def _mux(self, frame: av.VideoFrame | None) -> None:
        for packet in self._stream.codec_context.encode(frame):
            if packet.pts is None:
                raise EncodeError(f"the encoder returned a packet without a time near frame {self._frames}")
            self._track.write(packet, packet.pts)


def _add_encoder(container: av.container.OutputContainer, settings: EncoderSettings) -> av.VideoStream:
    row = settings.row
    stream = container.add_stream(row.encoder, rate=settings.fps)
    assert isinstance(stream, av.VideoStream)
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = settings.width, settings.height, settings.pixel_format
    context.time_base = settings.time_base
    stream.time_base = settings.time_base
    context.thread_count, context.thread_type = settings.threads, row.thread_type
    context.codec_tag = row.mp4_tag
    context.colorspace, context.color_trc = BT709_LIMITED.matrix, BT709_LIMITED.transfer
    context.color_primaries, context.color_range = BT709_LIMITED.primaries, BT709_LIMITED.range
    context.options = row.options(settings)
    context.open()
    if context.options:  # what FFmpeg did not take is still there after opening
        raise EncodeError(f"{row.encoder} knows no option {', '.join(context.options)}")
    return stream
