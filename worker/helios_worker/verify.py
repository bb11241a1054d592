"""Proof that a video file is what it claims: every frame there, in order, decodable, sound in step.

Reads any file that FFmpeg opens, so other renderers' files are judged by the same rules. It does not stop at
the first problem, and it names frames and times.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Final, TypeAlias, cast

import av
from av.container import InputContainer
from pydantic import BaseModel, ConfigDict

from helios_worker.encode.boxes import read_layout
from helios_worker.encode.decode import ProvingDecoder
from helios_worker.encode.ledger import Fault, FrameLedger
from helios_worker.encode.parameters import ColorTags
from helios_worker.encode.settings import Fps
from helios_worker.errors import CorruptArtifact, UserError

VideoPacket: TypeAlias = "av.Packet[av.VideoStream]"
AudioPacket: TypeAlias = "av.Packet[av.AudioStream]"

MAX_PROBLEMS: Final = 20
REORDER_WINDOW: Final = (
    32  # frames; twice what any profile of H.264 or HEVC lets a frame be ahead of its turn
)


class AudioReport(BaseModel):
    """An audio track. sample_rate in Hz; start and end in seconds of the film."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    codec: str
    sample_rate: int
    channels: int
    start: float
    end: float


class VideoReport(BaseModel):
    """What a file holds.

    frames: decoded frames, or packets if it was not decoded. duration: seconds of video. faststart: the index
    comes first, so that the film plays while it loads; None for other containers than MP4.
    problems: one sentence each; empty for a sound file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    codec: str
    width: int
    height: int
    fps: Fps
    frames: int
    duration: float
    pixel_format: str
    color: ColorTags
    keyframes: int
    faststart: bool | None
    audio: AudioReport | None
    decoded: bool
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify_video(
    path: Path,
    *,
    frames: int | None = None,
    fps: Fraction | None = None,
    width: int | None = None,
    height: int | None = None,
    decode: bool = True,
    threads: int = 1,
) -> VideoReport:
    """Read a whole video file; report what it is and what is wrong with it.

    frames, fps, width, height: what it should be, where known.
    decode: also decode every frame; without it damage inside packets goes unseen.
    threads: of the decoder.
    Raises UserError if there is no such file and CorruptArtifact if no video can be found in it.
    """
    if not path.is_file():
        raise UserError(f"{path} is no file")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise CorruptArtifact(f"{path} holds no video")
            check = _Check(container, path, fps, threads if decode else None)
            return check.run(frames, {"width": width, "height": height, "fps": fps})
    except av.FFmpegError as error:
        raise CorruptArtifact(f"{path} is no readable video ({error.strerror})") from error


class _Problems:
    """The first problems in words, and how many more there were."""

    def __init__(self, fps: Fraction) -> None:
        self._fps = fps
        self._first: list[str] = []
        self._more = 0

    def add(self, problem: str) -> None:
        if len(self._first) < MAX_PROBLEMS:
            self._first.append(problem)
        else:
            self._more += 1

    def add_faults(self, faults: Iterable[Fault], missing: str) -> None:
        for fault in faults:
            what = "is shown twice" if fault.repeated else missing
            self.add(f"{self.where(fault.first, fault.last)} {what}")

    def where(self, first: int, last: int | None = None) -> str:
        frames = f"frame {first}" if last in (None, first) else f"frames {first} to {last}"
        return f"{frames} ({float(first / self._fps):.3f} s)"

    def words(self) -> tuple[str, ...]:
        more = [f"and {self._more} more"] if self._more else []
        return (*self._first, *more)


class _VideoTrack:
    """Follows the packets, and the decoded frames, of the video track."""

    def __init__(
        self, stream: av.VideoStream, fps: Fraction, problems: _Problems, threads: int | None
    ) -> None:
        self.keyframes = 0
        self.packets = 0
        self.decoded = 0
        self._stream = stream
        self._fps = fps
        self._problems = problems
        self._packet_ledger = FrameLedger(REORDER_WINDOW)
        self._decoded_ledger = FrameLedger(0)
        self._packet_faults: list[Fault] = []
        self._decoded_faults: list[Fault] = []
        self._last_dts: int | None = None
        self._decoder = ProvingDecoder(stream.codec_context, threads=threads) if threads is not None else None

    def add(self, packet: VideoPacket) -> None:
        if self._last_dts is not None and (packet.dts is None or packet.dts <= self._last_dts):
            self._problems.add(f"packet {self.packets}: decoding time {packet.dts} after {self._last_dts}")
        self._last_dts = packet.dts
        if packet.is_corrupt:
            self._problems.add(f"packet {self.packets} is cut")
        if self.packets == 0 and not packet.is_keyframe:
            self._problems.add("the video does not start with a key frame")
        if not packet.is_discard:  # else an edit list cuts it away
            _keep(self._packet_faults, self._packet_ledger.add(self._frame(packet.pts)))
        self.keyframes += packet.is_keyframe
        self.packets += 1
        self._decode(packet)

    def finish(self) -> None:
        promised = self._stream.frames
        _keep(self._packet_faults, self._packet_ledger.finish(promised))
        self._problems.add_faults(self._packet_faults, "missing")
        if promised and promised != self.packets:
            self._problems.add(f"{self.packets} packets, but the index promises {promised}")
        if self._decoder is not None:
            self._decode(None)
            _keep(self._decoded_faults, self._decoded_ledger.finish(self.packets))
            lost = [fault for fault in self._decoded_faults if fault not in self._packet_faults]
            self._problems.add_faults(lost, "not decoded")
            for error in dict.fromkeys(self._decoder.errors):
                self._problems.add(f"the decoder says: {error}")

    def _decode(self, packet: VideoPacket | None) -> None:
        if self._decoder is None:
            return
        for pts in self._decoder.feed(packet):
            self.decoded += 1
            _keep(self._decoded_faults, self._decoded_ledger.add(self._frame(pts)))

    def _frame(self, pts: int | None) -> int:
        """The nearest frame number; a container may round times to its own ticks, but not further."""
        time_base = self._stream.time_base or Fraction(1)
        exact = (pts or 0) * time_base * self._fps
        frame = round(exact)
        if pts is None or abs(exact - frame) > time_base * self._fps:
            self._problems.add(f"{self._problems.where(frame)} is shown off the frame grid")
        return frame


def _keep(kept: list[Fault], faults: list[Fault]) -> None:
    kept.extend(faults[: max(0, 2 * MAX_PROBLEMS - len(kept))])


class _AudioTrack:
    """Follows the packets of the audio track."""

    def __init__(self, stream: av.AudioStream, problems: _Problems, *, decode: bool) -> None:
        self._stream = stream
        self._problems = problems
        self._decode = decode
        self._end: int | None = None
        self.longest_packet = Fraction(0)

    def add(self, packet: AudioPacket) -> None:
        time_base = packet.time_base
        if packet.pts is None or (self._end is not None and abs(packet.pts - self._end) > 1):
            at = float((self._end or 0) * time_base)
            self._problems.add(f"the audio breaks off at {at:.3f} s and goes on at {packet.pts} ticks")
        duration = packet.duration or 0
        self._end = (packet.pts or 0) + duration
        self.longest_packet = max(self.longest_packet, duration * time_base)
        if self._decode:
            try:
                self._stream.codec_context.decode(packet)
            except av.FFmpegError as error:
                at = float((packet.pts or 0) * time_base)
                self._problems.add(f"the audio does not decode at {at:.3f} s ({error.strerror})")

    def report(self) -> AudioReport:
        return AudioReport(
            codec=self._stream.codec_context.name,
            sample_rate=self._stream.sample_rate,
            channels=self._stream.channels,
            start=float(self._seconds(self._stream.start_time)),
            end=float(self.end),
        )

    @property
    def end(self) -> Fraction:
        """By the stream's duration: the last packet is padded, and decoders return the padding."""
        if self._stream.duration is None:
            return self._seconds(self._end)
        return self._seconds(self._stream.start_time) + self._seconds(self._stream.duration)

    def _seconds(self, ticks: int | None) -> Fraction:
        return (ticks or 0) * (self._stream.time_base or Fraction(1))


class _Check:
    """One pass over one file."""

    def __init__(
        self, container: InputContainer, path: Path, fps: Fraction | None, threads: int | None
    ) -> None:
        self._container = container
        self._path = path
        self._stream = container.streams.video[0]
        self._decoding = threads is not None
        # Not the average rate: one lost frame would change it, and put every other frame off the grid.
        self._fps = self._stream.guessed_rate or fps or Fraction(1)
        self._problems = _Problems(self._fps)
        self._video = _VideoTrack(self._stream, self._fps, self._problems, threads)
        self._audio = None
        if container.streams.audio:
            self._audio = _AudioTrack(container.streams.audio[0], self._problems, decode=self._decoding)

    def run(self, frames: int | None, wanted: dict[str, int | Fraction | None]) -> VideoReport:
        self._read()
        self._video.finish()
        counted = self._video.decoded if self._decoding else self._video.packets
        context = self._stream.codec_context
        found = {
            "width": context.width,
            "height": context.height,
            "fps": self._fps,
        }
        for name, value in wanted.items():
            if value is not None and found[name] != value:
                self._problems.add(f"{name} {found[name]}, not {value}")
        if frames is not None and counted != frames:
            self._problems.add(f"{counted} frames, not {frames}")
        self._check_durations(self._video.packets / self._fps)
        faststart = self._check_boxes()
        return VideoReport(
            codec=context.name,
            width=context.width,
            height=context.height,
            fps=self._fps,
            frames=counted,
            duration=float(counted / self._fps),
            pixel_format=context.pix_fmt or "unknown",
            color=ColorTags.of(context),
            keyframes=self._video.keyframes,
            faststart=faststart,
            audio=self._audio.report() if self._audio else None,
            decoded=self._decoding,
            problems=self._problems.words(),
        )

    def _read(self) -> None:
        streams = [self._stream, *self._container.streams.audio[:1]]
        try:
            for packet in self._container.demux(streams):
                if not packet.size:  # the demuxer's own end marker
                    continue
                if packet.stream.type == "video":
                    self._video.add(cast("VideoPacket", packet))
                elif self._audio is not None:
                    self._audio.add(cast("AudioPacket", packet))
        except av.FFmpegError as error:
            where = self._problems.where(self._video.packets)
            self._problems.add(f"reading stops at {where}: {error.strerror}")

    def _check_durations(self, video_end: Fraction) -> None:
        time_base = self._stream.time_base
        if self._stream.duration is not None and time_base:
            declared = self._stream.duration * time_base
            if abs(declared - video_end) > max(time_base, 1 / self._fps / 2):
                self._problems.add(
                    f"the index says {float(declared):.3f} s, the frames last {float(video_end):.3f} s"
                )
        if self._audio is not None and abs(self._audio.end - video_end) > self._audio.longest_packet:
            self._problems.add(
                f"the audio ends at {float(self._audio.end):.3f} s, the video at {float(video_end):.3f} s"
            )

    def _check_boxes(self) -> bool | None:
        if "mp4" not in self._container.format.name:
            return None
        layout = read_layout(self._path)
        if not layout.is_whole:
            promised = layout.boxes[-1].end if layout.boxes else 0
            self._problems.add(f"the file has {layout.size} bytes, its boxes say {promised}")
        return layout.is_faststart
