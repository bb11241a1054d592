"""Verifies a video file: every frame is there, in order and decodable, and the sound is as long as the picture.

It reads any file that FFmpeg opens, and judges other renderers' files by the same rules. It does not stop at the first
problem, and reports frames and times.
"""

from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer
from av.stream import Disposition
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from helios_worker.encode.mp4.boxes import read_layout
from helios_worker.encode.mp4.parameters import ColorTags
from helios_worker.encode.mp4.track import open_input
from helios_worker.encode.proof.expected_sound import ExpectedSound
from helios_worker.encode.proof.tracks import AudioProof, Problems, VideoProof, is_mp4
from helios_worker.errors import CorruptArtifact, UserError


class _Report(BaseModel):
    """In JSON for others the names are in camelCase (model_dump with by_alias)."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)


class AudioReport(_Report):
    """An audio track. sample_rate in Hz; start and end in seconds of the film."""

    codec: str
    sample_rate: int
    channels: int
    start: float
    end: float


class VideoReport(_Report):
    """The contents of a video file, and its problems.

    frames: decoded frames, or packets if it was not decoded. duration: seconds of video. faststart: whether the index
    comes first, so that the film plays while it loads; None for containers other than MP4.
    problems: one sentence each; empty for a correct file.
    """

    codec: str
    width: int
    height: int
    fps: Fraction
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
    sound: ExpectedSound | None = None,
) -> VideoReport:
    """Reads a whole video file; reports its contents and problems.

    frames, fps, width, height: expected values, where known.
    decode: whether to decode every frame; otherwise damage inside packets is not noticed.
    threads: of the decoder.
    sound: the mix that the film must be heard with; the sound is then decoded in any case.

    Raises:
        UserError: there is no such file, or it is something else than a film.
        CorruptArtifact: the file holds no readable video.
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}")
    try:
        with open_input(path) as container:
            if not container.streams.video or container.streams.video[0].codec_context is None:
                raise CorruptArtifact(f"{path} holds no video of a known codec")
            other = other_than_film(container)
            if other is not None:
                raise UserError(f"{path} is not a film: it is {other}", remedy="name a video file")
            check = _Check(container, path, fps, threads if decode else None, sound)
            return check.run(frames, {"width": width, "height": height, "fps": fps})
    except av.FFmpegError as error:
        raise CorruptArtifact(f"{path} is not a readable video ({error.strerror})") from error


def other_than_film(container: InputContainer) -> str | None:
    """What a file is that FFmpeg reads as video although nobody plays it as a film; None for a film."""
    names = container.format.name.split(",")
    pictures = [name for name in names if name.endswith("_pipe") or name in ("image2", "ico")]
    if pictures:
        return f"a picture ({pictures[0].removesuffix('_pipe')})"
    if all(stream.disposition & Disposition.attached_pic for stream in container.streams.video):
        return "sound with a cover picture"
    return None


class _Check:
    """One pass over one file."""

    def __init__(
        self,
        container: InputContainer,
        path: Path,
        fps: Fraction | None,
        threads: int | None,
        expected: ExpectedSound | None,
    ) -> None:
        self._container = container
        self._path = path
        self._stream = container.streams.video[0]
        self._decoding = threads is not None
        # Not the average rate, which one lost frame would change, so that every other frame would be off the grid.
        self._fps = self._stream.guessed_rate or fps or Fraction(1)
        self._problems = Problems(self._fps)
        self._video = VideoProof(self._stream, self._fps, self._problems, threads)
        self._sound = container.streams.audio[0] if container.streams.audio else None
        self._audio = None
        if self._sound is not None:
            self._audio = AudioProof(self._sound, self._problems, decode=self._decoding, expected=expected)
        elif expected is not None:
            self._problems.add("there is no audio")

    def run(self, frames: int | None, wanted: dict[str, int | Fraction | None]) -> VideoReport:
        self._read()
        self._video.finish()
        if self._audio is not None:
            self._audio.finish()
        counted = self._video.decoded if self._decoding else self._video.packets
        context = self._stream.codec_context
        actual = {
            "width": context.width,
            "height": context.height,
            "fps": self._fps,
        }
        for name, value in wanted.items():
            if value is not None and actual[name] != value:
                self._problems.add(f"{name} {actual[name]}, not {value}")
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
            audio=self._audio_report(),
            decoded=self._decoding,
            problems=self._problems.messages(),
        )

    def _audio_report(self) -> AudioReport | None:
        if self._sound is None or self._audio is None:
            return None
        return AudioReport(
            codec=self._sound.codec_context.name,
            sample_rate=self._sound.sample_rate,
            channels=self._sound.channels,
            start=float(self._audio.start),
            end=float(self._audio.end),
        )

    def _read(self) -> None:
        streams = [self._stream, *self._container.streams.audio[:1]]
        try:
            for packet in self._container.demux(streams):
                if not packet.size:  # the demuxer's own end marker
                    continue
                if packet.stream.type == "video":
                    self._video.add(cast("av.Packet[av.VideoStream]", packet))
                elif self._audio is not None:
                    self._audio.add(cast("av.Packet[av.AudioStream]", packet))
        except av.FFmpegError as error:
            where = self._problems.where(self._video.packets)
            self._problems.add(f"reading stops at {where}: {error.strerror}")

    def _check_durations(self, video_end: Fraction) -> None:
        time_base = self._stream.time_base
        if self._stream.duration is not None and time_base:
            declared = self._stream.duration * time_base
            if abs(declared - video_end) > max(time_base, 1 / self._fps / 2):
                self._problems.add(f"the index says {float(declared):.3f} s, the frames last {float(video_end):.3f} s")
        if self._audio is not None and abs(self._audio.end - video_end) > self._audio.longest_packet:
            self._problems.add(
                f"the audio ends at {float(self._audio.end):.3f} s, the video at {float(video_end):.3f} s"
            )

    def _check_boxes(self) -> bool | None:
        if not is_mp4(self._container):
            return None
        layout = read_layout(self._path)
        if not layout.is_whole:
            promised = layout.boxes[-1].end if layout.boxes else 0
            self._problems.add(f"the file has {layout.size} bytes, its boxes say {promised}")
        return layout.is_faststart
