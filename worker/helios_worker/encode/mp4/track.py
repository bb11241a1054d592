"""Reads and writes video tracks in MP4, packet by packet.

Timestamps are never copied but computed by one rule, in units of one frame:

    pts = frame number        dts = k − D        duration = 1

k counts packets in decoding order over the whole track, and D is the encoder's reorder depth. Shifting each piece's own
dts instead fails for pieces of one or two frames, whose dts start later than −D. A reader checks every file of ours by
the same rule, and so notices any lost or repeated packet.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import BinaryIO, TypeAlias

import av
from av.container import InputContainer, OutputContainer

from helios_worker.encode.mp4.boxes import read_layout
from helios_worker.encode.mp4.parameters import CodecParameters
from helios_worker.errors import CorruptSegment, EncodeError

Source: TypeAlias = Path | BinaryIO
VideoPacket: TypeAlias = "av.Packet[av.VideoStream]"


@dataclass(frozen=True, slots=True)
class FramePacket:
    """A packet, and the number of its frame from the start of the track."""

    packet: VideoPacket
    frame: int


class TrackReader:
    """The video track of one file of ours, checked while it is read.

    parameters: for its decoder. declared_frames: number of frames by the file's index.
    """

    def __init__(self, container: InputContainer, name: str, fps: Fraction | None) -> None:
        if len(container.streams.video) != 1:
            raise CorruptSegment(name, f"{len(container.streams.video)} video streams, not 1")
        self.name = name
        self.stream = container.streams.video[0]
        if self.stream.codec_context is None:  # PyAV's stubs promise one
            raise CorruptSegment(name, "of an unknown codec")
        rate = fps or self.stream.average_rate
        if not rate or not self.stream.time_base:
            raise CorruptSegment(name, "no frame rate", frame=0)
        self._tick = 1 / rate / self.stream.time_base
        self._container = container
        first = next(self._demux(), None)
        if first is None or not first.is_keyframe:
            raise CorruptSegment(name, "does not start with a key frame", frame=0)
        self._packets = chain([first], self._demux())
        self.declared_frames = self.stream.frames
        self.parameters = CodecParameters.of(
            self.stream, fps=rate, reorder_depth=-self.frame_number(first.dts, packet=0)
        )

    def packets(self) -> Iterator[FramePacket]:
        """Every packet in decoding order, once.

        Raises:
            CorruptSegment: a frame is missing, repeated or against the timestamp rule; has the first such frame.
        """
        order = _Order(self.name, self.parameters.reorder_depth)
        for packet in self._packets:
            frame = self.frame_number(packet.pts, packet=order.count)
            order.add(frame, self.frame_number(packet.dts, packet=order.count))
            yield FramePacket(packet, frame)
        order.finish(self.declared_frames)

    def frame_number(self, timestamp: int | None, *, packet: int) -> int:
        """A timestamp of the file in whole frames.

        packet: its number, for the error.

        Raises:
            CorruptSegment: there is no timestamp, or it is not a whole number of frames.
        """
        frames = Fraction(timestamp) / self._tick if timestamp is not None else None
        if frames is None or frames.denominator != 1:
            raise CorruptSegment(self.name, f"timestamp {timestamp} is off the frame grid", frame=packet)
        return frames.numerator

    def _demux(self) -> Iterator[VideoPacket]:
        count = 0
        try:
            for packet in self._container.demux(self.stream):
                if packet.size == 0:  # the demuxer's own end marker
                    continue
                if packet.is_corrupt:
                    raise CorruptSegment(self.name, "its packet is cut", frame=count)
                yield packet
                count += 1
        except av.FFmpegError as error:
            raise CorruptSegment(self.name, f"cannot be read ({error.strerror})", frame=count) from error


class _Order:
    """Checks one track's timestamps by the rule, in constant memory."""

    def __init__(self, name: str, depth: int) -> None:
        self._name = name
        self._depth = depth
        self._shown = 0  # every frame below this one was seen
        self._ahead: set[int] = set()
        self.count = 0

    def add(self, pts: int, dts: int) -> None:
        if dts != self.count - self._depth or self._depth < 0:
            raise CorruptSegment(self._name, f"decoding time {dts} breaks the count", frame=self.count)
        if pts < 0:
            raise CorruptSegment(self._name, "shown before the start", frame=self.count)
        if pts < self._shown or pts in self._ahead:
            raise CorruptSegment(self._name, "shown twice", frame=pts)
        self._ahead.add(pts)
        while self._shown in self._ahead:
            self._ahead.remove(self._shown)
            self._shown += 1
        if len(self._ahead) > self._depth:  # the next frame in presentation order should have come by now
            raise CorruptSegment(self._name, "missing", frame=self._shown)
        self.count += 1

    def finish(self, declared: int) -> None:
        if self._ahead:
            raise CorruptSegment(self._name, "missing", frame=self._shown)
        if self.count != declared:
            raise CorruptSegment(self._name, f"missing; the index promises {declared} frames", frame=self.count)


def open_input(source: Source, *, demuxer: str | None = None) -> InputContainer:
    """Open a file, or one in memory, for reading. demuxer: FFmpeg's name of it; found out by default."""
    # Damage in a file's metadata must not stop us from naming the damage in its frames.
    return av.open(str(source) if isinstance(source, Path) else source, "r", format=demuxer, metadata_errors="replace")


@contextmanager
def open_track(source: Source, *, name: str | None = None, fps: Fraction | None = None) -> Iterator[TrackReader]:
    """The video track of a file, or of one in memory.

    name: for errors; by default the path. fps: that the track must have; by default the one that the file declares.

    Raises:
        CorruptSegment: the file is missing, cut off, or not an MP4 with one video track.
        PermissionError: the file may not be read.
    """
    label = name or (str(source) if isinstance(source, Path) else "segment in memory")
    try:
        if not read_layout(source).is_whole:  # FFmpeg reads a file whose end is missing
            raise CorruptSegment(label, "not a readable MP4 (it is cut off)")
        container = open_input(source, demuxer="mp4")
    except PermissionError:
        raise
    except (av.FFmpegError, FileNotFoundError, IsADirectoryError) as error:
        raise CorruptSegment(label, f"not a readable MP4 ({error.strerror})") from error
    with container:
        yield TrackReader(container, label, fps)


class TrackWriter:
    """Gives packets timestamps by the rule and writes them to an output stream."""

    def __init__(self, container: OutputContainer, stream: av.VideoStream, fps: Fraction, depth: int) -> None:
        self._container = container
        self._stream = stream
        self._time_base = 1 / fps
        self._depth = depth
        self.packets = 0

    def write(self, packet: VideoPacket, frame: int) -> None:
        """Appends `packet`, which holds frame number `frame` of the track.

        Raises:
            EncodeError: the packet comes later than the reorder depth allows.
        """
        dts = self.packets - self._depth
        if frame < dts:
            raise EncodeError(f"frame {frame} comes after {self.packets} packets; the reorder depth is {self._depth}")
        packet.pts, packet.dts, packet.duration = frame, dts, 1
        packet.time_base = self._time_base
        packet.stream = self._stream
        self._container.mux_one(packet)
        self.packets += 1
