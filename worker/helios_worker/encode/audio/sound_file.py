"""Opens a file of sound and decodes it, trusting nothing in it: only demuxers that read no other file or address."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer
from av.stream import Discard, Disposition

from helios_worker.encode.audio.errors import NO_SOUND, SoundUnusable

FORMATS: Final = "wav,w64,aiff,caf,au,mp3,aac,flac,ogg,mov,mp4,matroska,webm,mpegts,avi,flv,asf,mpeg,amr,ac3,eac3"
"""FFmpeg's demuxers that read sound out of the file itself. Others read what a file names, such as playlists."""
BAD_IN_A_ROW = 2_000
"""Packets that may fail to decode one after the other."""
REMEDY = "use a WAV, MP3, AAC, Opus, Vorbis or FLAC file, and check that it plays"


MIN_RATE, MAX_RATE = 1_000, 768_000
MAX_CHANNELS, MAX_PLANES = 64, 8
"""Channels at most, in one plane and each in its own. PyAV reads beyond the eighth plane's end."""


class SoundFile:
    """One audio stream of an open file.

    time_base: seconds of a tick of its timestamps. damaged: packets that could not be decoded.
    """

    def __init__(self, path: Path, name: str, stream: int) -> None:
        """name: for messages. stream: which of its audio streams.

        Raises:
            SoundUnusable: it is no sound that FFmpeg decodes, or there is no such stream.
        """
        self.name = name
        self.damaged = 0
        try:
            self._container: InputContainer = av.open(
                str(path),
                "r",
                options={"format_whitelist": FORMATS, "protocol_whitelist": "file"},
                metadata_errors="ignore",
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            problem = f"is no sound that can be read{_what(path, error)}"
            raise SoundUnusable(name, problem, remedy=REMEDY) from None
        streams = self._container.streams.audio
        if stream >= len(streams):
            has = f"has {len(streams)} audio streams, so there is none {stream}" if streams else NO_SOUND
            raise SoundUnusable(name, has, remedy="name a file with sound")
        self._stream = streams[stream]
        if self._stream.codec_context is None:  # PyAV's stubs promise one
            raise SoundUnusable(name, "has sound of an unknown codec", remedy=REMEDY)
        self._stream.codec_context.thread_count = 1
        for other in self._container.streams:
            if other.index != self._stream.index:
                other.discard = Discard.all
        self.time_base = self._stream.time_base or Fraction(1)

    def close(self) -> None:
        """Closes the file."""
        self._container.close()

    @property
    def declared_end(self) -> Fraction:
        """When the sound ends, in seconds, by the file's own word."""
        return ((self._stream.start_time or 0) + (self._stream.duration or 0)) * self.time_base

    @property
    def likely_end(self) -> Fraction:
        """The same, from what the file says of all its streams where it says nothing of this one, as WebM does."""
        if self._stream.duration:
            return self.declared_end
        container = self._container
        return Fraction((container.start_time or 0) + (container.duration or 0), av.time_base)

    def picture_start(self) -> Fraction | None:
        """When the file's first picture is shown, in seconds; None where it has none."""
        starts = [
            video.start_time * video.time_base
            for video in self._container.streams.video
            if video.start_time is not None and video.time_base and not video.disposition & Disposition.attached_pic
        ]
        return min(starts, default=None)

    def seek(self, time: Fraction) -> bool:
        """Goes to a packet before a time in seconds. False: the file's index does not lead there."""
        try:
            self._container.seek(int(time / self.time_base), stream=self._stream, backward=True, any_frame=False)
        except av.FFmpegError:
            return False
        return True

    def frames(self) -> Iterator[av.AudioFrame]:
        """The frames from where the file is, without those that are damaged."""
        failed = 0
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:  # the rest of the file cannot be read
                self.damaged += 1
                return
            if packet is None:
                return
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self.damaged += 1
                failed += 1
                if failed > BAD_IN_A_ROW:
                    return
                continue
            for frame in frames:
                failed = 0
                if frame.samples:
                    yield frame


def first_frame(frames: Iterator[av.AudioFrame], name: str) -> av.AudioFrame:
    """Decodes the first of a file's frames. name: of the file, for messages.

    Raises:
        SoundUnusable: there is none, or it has more channels or another rate than can be heard.
    """
    first = next(frames, None)
    if first is None:
        raise SoundUnusable(name, "holds no sound that can be decoded", remedy=REMEDY)
    rate, channels, is_planar, _ = kind_of(first)
    most = MAX_PLANES if is_planar else MAX_CHANNELS
    if not (MIN_RATE <= rate <= MAX_RATE and 1 <= channels <= most):
        has = f"has {len(first.layout.channels)} channels of {rate} samples a second"
        raise SoundUnusable(name, has, remedy=REMEDY)
    return first


def kind_of(frame: av.AudioFrame) -> tuple[int, int, bool, str]:
    """Its rate in Hz, the number of its channels, whether each has a plane of its own, and the format of samples."""
    return frame.sample_rate, frame.layout.nb_channels, frame.format.is_planar, frame.format.name


def _what(path: Path, error: Exception) -> str:
    """What a file is that is no sound, as far as its beginning shows."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as unreadable:
        return f" ({unreadable.strerror})"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        return ": it is empty"
    if text.startswith((b"<!doctype html", b"<html")):
        return ": it is an HTML page"
    if text.startswith((b"<?xml", b"<svg", b"{", b"#extm3u")):
        return ": it is a text"
    if isinstance(error, av.ArgumentError):  # not in FORMATS
        return ": it is of no format of sound"
    return f" ({getattr(error, 'strerror', None) or error})"
