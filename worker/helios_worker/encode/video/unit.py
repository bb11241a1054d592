"""One encode unit: a fresh encoder, the frames of one grid cell, one small MP4 in memory.

An encoder's look-ahead and rate control reach across any cut, even at constant quality. Chunks that are encoded apart
would therefore never equal one long encode. Here the film is cut on a fixed grid from frame 0, and every cell gets an
encoder of its own. Its bytes are then the same whichever chunk, lane or machine encodes it.

For the same reason a still picture costs nothing: all units of one length that show the same picture throughout have
the same bytes, and are encoded once (StillUnits).
"""

from dataclasses import dataclass
from io import BytesIO

import av
from av.container import OutputContainer

from helios_worker.encode.mp4.output import open_output
from helios_worker.encode.mp4.parameters import BT709_LIMITED
from helios_worker.encode.mp4.track import TrackWriter
from helios_worker.encode.video.settings import EncoderSettings
from helios_worker.errors import EncodeError


@dataclass(frozen=True, slots=True)
class EncodedUnit:
    """An encoded unit as plain data.

    mp4: a complete file with its packets, timestamps from 0 and codec parameters. A unit is the smallest segment, so
    everything that reads segments also reads units.
    """

    mp4: bytes
    frames: int


class StillUnits:
    """Remembers the last unit that showed one picture throughout, for the units after it. One for each encoder slot.

    It keeps that picture and recognises it as the same object, so nobody may draw into it.
    """

    def __init__(self) -> None:
        self._picture: av.VideoFrame | None = None
        self._unit: EncodedUnit | None = None
        self._settings: EncoderSettings | None = None

    def find(self, settings: EncoderSettings, picture: av.VideoFrame, frames: int) -> EncodedUnit | None:
        """The unit that shows `picture` for `frames` frames, if it was the last one remembered."""
        unit = self._unit
        known = unit is not None and unit.frames == frames
        return unit if known and picture is self._picture and settings == self._settings else None

    def remember(self, settings: EncoderSettings, picture: av.VideoFrame, unit: EncodedUnit) -> None:
        """Remembers `unit`, which shows only `picture`, in place of the one before."""
        self._settings, self._picture, self._unit = settings, picture, unit


class UnitEncoder:
    """Encodes one unit: `encode` for each frame in order, then `finish`. The unit's length bounds the memory.

    While all frames are the same object they are only counted. x264 starts at the first other frame, or at the end.
    """

    def __init__(self, settings: EncoderSettings, *, stills: StillUnits | None = None) -> None:
        self._settings = settings
        self._stills = stills or StillUnits()
        self._frames = 0
        self._still: av.VideoFrame | None = None
        self._run: _EncoderRun | None = None
        self._finished = False

    def encode(self, frame: av.VideoFrame) -> None:
        """Appends a frame. The same object may be passed again for a still picture.

        The frame's pts is overwritten, so two encoders may not use the frame at the same time.

        Raises:
            EncodeError: the unit is complete, or the frame has another size or pixel format.
        """
        self._check(frame)
        if self._frames == 0:
            self._still = frame
        elif self._still is not None and frame is not self._still:
            self._run = self._encode_still(self._still)
            self._still = None
        if self._run is not None:
            self._run.encode(frame)
        self._frames += 1

    def finish(self) -> EncodedUnit:
        """Flushes the encoder and returns the unit. The encoder cannot be used afterwards.

        Raises:
            EncodeError: no frame was given, or the encoder returned another number of packets.
        """
        if not self._frames or self._finished:
            raise EncodeError("an encode unit needs at least one frame and is finished once")
        self._finished = True
        run, self._run = self._run, None  # at 1080p an encoder holds 350 MiB
        if run is not None:
            return run.finish()
        assert self._still is not None
        unit = self._stills.find(self._settings, self._still, self._frames)
        if unit is None:
            unit = self._encode_still(self._still).finish()
            self._stills.remember(self._settings, self._still, unit)
        return unit

    def _encode_still(self, picture: av.VideoFrame) -> "_EncoderRun":
        run = _EncoderRun(self._settings)
        for _ in range(self._frames):
            run.encode(picture)
        return run

    def _check(self, frame: av.VideoFrame) -> None:
        settings = self._settings
        if self._finished or self._frames >= settings.unit_frames:
            raise EncodeError(
                f"an encode unit holds {settings.unit_frames} frames; this is one more, or it is finished"
            )
        given = (frame.width, frame.height, frame.format.name)
        wanted = (settings.width, settings.height, settings.pixel_format)
        if given != wanted:  # PyAV would scale it silently
            raise EncodeError(f"frame {self._frames} of the unit is {given}, the video is {wanted}")


class _EncoderRun:
    """An encoder and the MP4 in memory that it fills."""

    def __init__(self, settings: EncoderSettings) -> None:
        self._time_base = settings.time_base
        self._frames = 0
        self._file = BytesIO()
        self._container = open_output(self._file, settings.fps, faststart=False)
        stream = _add_encoder(self._container, settings)
        self._context = stream.codec_context
        self._track = TrackWriter(self._container, stream, settings.fps, self._context.reorder_depth)

    def encode(self, frame: av.VideoFrame) -> None:
        frame.pts = self._frames
        frame.time_base = self._time_base
        frame.pict_type = 0  # a picture that remembers being an I picture becomes a key frame
        self._frames += 1
        self._mux(frame)

    def finish(self) -> EncodedUnit:
        self._mux(None)
        self._container.close()
        if self._track.packets != self._frames:
            raise EncodeError(f"{self._frames} frames went into the encoder, {self._track.packets} came out")
        return EncodedUnit(mp4=self._file.getvalue(), frames=self._frames)

    def _mux(self, frame: av.VideoFrame | None) -> None:
        for packet in self._context.encode(frame):
            if packet.pts is None:
                raise EncodeError(f"the encoder returned a packet without a time near frame {self._frames}")
            self._track.write(packet, packet.pts)


def _add_encoder(container: OutputContainer, settings: EncoderSettings) -> av.VideoStream:
    row = settings.row
    stream = container.add_stream(row.encoder, rate=settings.fps)
    assert isinstance(stream, av.VideoStream)
    stream.time_base = settings.time_base
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = settings.width, settings.height, settings.pixel_format
    context.time_base = settings.time_base
    context.thread_count, context.thread_type = settings.threads, row.thread_type
    context.codec_tag = row.mp4_tag
    context.colorspace, context.color_trc = BT709_LIMITED.matrix, BT709_LIMITED.transfer
    context.color_primaries, context.color_range = BT709_LIMITED.primaries, BT709_LIMITED.range
    context.options = row.options(settings.crf, settings.preset)
    context.open()
    if context.options:  # options that FFmpeg did not take are still there after opening
        raise EncodeError(f"{row.encoder} knows no option {', '.join(context.options)}")
    return stream
