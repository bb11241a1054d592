"""Verifies the video track and the audio track of a file in one pass, and describes each problem."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Final, TypeAlias

import av
from av.container import Container

from helios_worker.encode.proof.decode import ProvingDecoder
from helios_worker.encode.proof.expected_sound import ExpectedSound
from helios_worker.encode.proof.frame_tally import Fault, FrameTally

if TYPE_CHECKING:
    from helios_worker.encode.proof.sound import SoundComparison

VideoPacket: TypeAlias = "av.Packet[av.VideoStream]"
AudioPacket: TypeAlias = "av.Packet[av.AudioStream]"

MAX_PROBLEMS: Final = 20
REORDER_WINDOW: Final = 32  # frames; twice as many as any profile of H.264 or HEVC lets a frame come early


def is_mp4(container: Container) -> bool:
    """Whether a file is an MP4 or of its family (MOV, M4V), as FFmpeg sees it."""
    return "mp4" in container.format.name


class Problems:
    """The first problems as messages, and the number of further ones."""

    def __init__(self, fps: Fraction) -> None:
        self._fps = fps
        self._first: list[str] = []
        self._more = 0

    def add(self, problem: str) -> None:
        """Notes a problem."""
        if len(self._first) < MAX_PROBLEMS:
            self._first.append(problem)
        else:
            self._more += 1

    def add_faults(self, faults: Iterable[Fault], missing: str) -> None:
        """Notes the faults of a tally. missing: what to say about frames that did not come."""
        for fault in faults:
            what = "is shown twice" if fault.repeated else missing
            self.add(f"{self.where(fault.first, fault.last)} {what}")

    def where(self, first: int, last: int | None = None) -> str:
        """Frames as text, with the time of the first."""
        frames = f"frame {first}" if last in (None, first) else f"frames {first} to {last}"
        return f"{frames} ({float(first / self._fps):.3f} s)"

    def messages(self) -> tuple[str, ...]:
        """All problems, in order."""
        more = [f"and {self._more} more"] if self._more else []
        return (*self._first, *more)


class VideoProof:
    """Verifies the packets, and the decoded frames, of the video track.

    threads: of the decoder; None for no decoding. packets, decoded, keyframes: counts so far.
    """

    def __init__(self, stream: av.VideoStream, fps: Fraction, problems: Problems, threads: int | None) -> None:
        self.keyframes = 0
        self.packets = 0
        self.decoded = 0
        # An MP4 has an edit list and starts at 0; other containers may start later.
        self._origin = 0 if is_mp4(stream.container) else stream.start_time or 0
        self._stream = stream
        self._fps = fps
        self._problems = problems
        self._packet_tally = FrameTally(REORDER_WINDOW)
        self._decoded_tally = FrameTally(0)
        self._packet_faults: list[Fault] = []
        self._decoded_faults: list[Fault] = []
        self._last_dts: int | None = None
        self._decoder = ProvingDecoder(stream.codec_context, threads=threads) if threads is not None else None

    def add(self, packet: VideoPacket) -> None:
        """Verifies and decodes the next packet."""
        if self._last_dts is not None and (packet.dts is None or packet.dts <= self._last_dts):
            self._problems.add(f"packet {self.packets}: decoding time {packet.dts} after {self._last_dts}")
        self._last_dts = packet.dts
        if packet.is_corrupt:
            self._problems.add(f"packet {self.packets} is cut")
        if self.packets == 0 and not packet.is_keyframe:
            self._problems.add("the video does not start with a key frame")
        if not packet.is_discard:  # a discarded packet is hidden by an edit list
            _keep(self._packet_faults, self._packet_tally.add(self._frame(packet.pts)))
        self.keyframes += packet.is_keyframe
        self.packets += 1
        self._decode(packet)

    def finish(self) -> None:
        """Flushes the decoder and notes the frames that never came."""
        promised = self._stream.frames
        _keep(self._packet_faults, self._packet_tally.finish(promised))
        self._problems.add_faults(self._packet_faults, "missing")
        if promised and promised != self.packets:
            self._problems.add(f"{self.packets} packets, but the index promises {promised}")
        if self._decoder is not None:
            self._decode(None)
            _keep(self._decoded_faults, self._decoded_tally.finish(self.packets))
            lost = [fault for fault in self._decoded_faults if fault not in self._packet_faults]
            self._problems.add_faults(lost, "not decoded")
            for error in self._decoder.errors:
                self._problems.add(f"the decoder says: {error}")

    def _decode(self, packet: VideoPacket | None) -> None:
        if self._decoder is None:
            return
        for pts in self._decoder.feed(packet):
            self.decoded += 1
            _keep(self._decoded_faults, self._decoded_tally.add(self._frame(pts)))

    def _frame(self, pts: int | None) -> int:
        """The nearest frame number. A container may round times to its own ticks, but not more."""
        frames_per_tick = (self._stream.time_base or Fraction(1)) * self._fps
        exact = ((pts or 0) - self._origin) * frames_per_tick
        frame = round(exact)
        if pts is None or abs(exact - frame) > (2 if self._origin else 1) * frames_per_tick:
            self._problems.add(f"{self._problems.where(frame)} is shown off the frame grid")
        return frame


def _keep(kept: list[Fault], faults: list[Fault]) -> None:
    kept.extend(faults[: max(0, 2 * MAX_PROBLEMS - len(kept))])


class AudioProof:
    """Verifies the packets of the audio track. longest_packet: in seconds."""

    def __init__(
        self, stream: av.AudioStream, problems: Problems, *, decode: bool, expected: ExpectedSound | None = None
    ) -> None:
        """expected: compared with what is decoded."""
        self._stream = stream
        self._problems = problems
        self._decode = decode or expected is not None
        self._comparison: SoundComparison | None = None
        if expected is not None:
            from helios_worker.encode.proof.sound import SoundComparison  # late: numpy takes 0.2 s

            self._comparison = SoundComparison(expected)
        self._end: int | None = None
        self.longest_packet = Fraction(0)

    def add(self, packet: AudioPacket) -> None:
        """Verifies and decodes the next packet."""
        time_base = packet.time_base
        if packet.pts is None or (self._end is not None and abs(packet.pts - self._end) > 1):
            at = float((self._end or 0) * time_base)
            self._problems.add(f"the audio breaks off at {at:.3f} s and goes on at {packet.pts} ticks")
        duration = packet.duration or 0
        self._end = (packet.pts or 0) + duration
        self.longest_packet = max(self.longest_packet, duration * time_base)
        if self._decode:
            try:
                frames = self._stream.codec_context.decode(packet)
            except av.FFmpegError as error:
                at = float((packet.pts or 0) * time_base)
                self._problems.add(f"the audio does not decode at {at:.3f} s ({error.strerror})")
                return
            if self._comparison is not None:
                for frame in frames:
                    self._comparison.add(frame)

    def finish(self) -> None:
        """Compares the whole sound with what was expected."""
        if self._comparison is not None:
            for problem in self._comparison.problems(self.end - self.start):
                self._problems.add(problem)

    @property
    def start(self) -> Fraction:
        """When the sound starts, in seconds."""
        return self._seconds(self._stream.start_time)

    @property
    def end(self) -> Fraction:
        """When the sound ends, in seconds, by the stream's duration, since the last packet is padded."""
        if self._stream.duration is None:
            return self._seconds(self._end)
        return self.start + self._seconds(self._stream.duration)

    def _seconds(self, ticks: int | None) -> Fraction:
        return (ticks or 0) * (self._stream.time_base or Fraction(1))
