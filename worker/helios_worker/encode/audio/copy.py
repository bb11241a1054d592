"""Copies the packets of an encoded audio file beside the video."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
from av.container import InputContainer, OutputContainer

from helios_worker.encode.mp4.track import Source, open_input
from helios_worker.errors import CorruptArtifact

AudioPacket: TypeAlias = "av.Packet[av.AudioStream]"


class AudioCopy:
    """Copies one audio track into an output, in step with the video.

    The packet before time 0, which is the encoder's delay, is copied with the edit list that hides it.
    sample_rate: in Hz.
    """

    def __init__(self, source: InputContainer, name: str) -> None:
        if not source.streams.audio:
            raise CorruptArtifact(f"{name} holds no audio")
        self._name = name
        self._source = source.streams.audio[0]
        self.sample_rate = self._source.sample_rate
        self._packets = self._demux(source)
        self._next = next(self._packets, None)
        self._output: OutputContainer | None = None
        self._target: av.AudioStream | None = None

    def attach(self, output: OutputContainer) -> None:
        """Adds the track to `output`, before its first packet is written."""
        self._output = output
        self._target = output.add_stream_from_template(self._source, opaque=True)

    def copy_until(self, time: Fraction | None) -> None:
        """Copies the packets before `time`, in seconds; all remaining ones for None."""
        assert self._output is not None
        assert self._target is not None
        while self._next is not None and (time is None or self._due(self._next) < time):
            self._next.stream = self._target
            self._output.mux_one(self._next)
            self._next = next(self._packets, None)

    def _due(self, packet: AudioPacket) -> Fraction:
        if packet.dts is None:
            raise CorruptArtifact(f"{self._name}: an audio packet has no time")
        return packet.dts * packet.time_base

    def _demux(self, source: InputContainer) -> Iterator[AudioPacket]:
        try:
            yield from (packet for packet in source.demux(self._source) if packet.size)
        except av.FFmpegError as error:
            raise CorruptArtifact(f"{self._name} cannot be read ({error.strerror})") from error


@contextmanager
def open_audio(source: Source) -> Iterator[AudioCopy]:
    """The first audio track of a file of any format that FFmpeg reads.

    Raises:
        CorruptArtifact: the file holds no audio, or cannot be read.
    """
    name = str(source) if isinstance(source, Path) else "audio in memory"
    try:
        container = open_input(source)
    except av.FFmpegError as error:
        raise CorruptArtifact(f"{name} is not readable audio ({error.strerror})") from error
    with container:
        yield AudioCopy(container, name)
