"""Single frames of an existing film."""

from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
from av.container import InputContainer
from PIL import Image

from helios_worker.encode.proof.verify import other_than_film
from helios_worker.errors import CorruptArtifact, UserError
from heliosctl.local.stills import Choose


def from_film(path: Path, choose: Choose) -> tuple[Fraction, dict[int, Image.Image]]:
    """The rate of a film, and its chosen frames, by number.

    Raises:
        UserError: it is something else than a film.
        CorruptArtifact: it is not a readable one, or a frame of it cannot be decoded.
    """
    taken: dict[int, Image.Image] = {}
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise CorruptArtifact(f"{path} contains no video")
            other = other_than_film(container)
            if other is not None:
                raise UserError(f"{path} is not a film: it is {other}", remedy="name a video file, or a page")
            stream = container.streams.video[0]
            fps = stream.guessed_rate or stream.average_rate or Fraction(25)
            start = stream.start_time or 0
            if stream.time_base is None:
                raise CorruptArtifact(f"{path} has no time base")
            for number in choose(_frame_count(container, stream, fps), fps):
                # The middle of the frame: its own timestamp may be rounded to a coarser time base.
                due = start + round((number + Fraction(1, 2)) / fps / stream.time_base)
                container.seek(due, stream=stream)
                shown = None
                for frame in container.decode(stream):
                    if shown is not None and frame.pts is not None and frame.pts > due:
                        break
                    shown = frame
                if shown is None:
                    raise CorruptArtifact(f"{path}: frame {number} cannot be decoded")
                taken[number] = shown.to_image()  # type: ignore[no-untyped-call]
    except av.FFmpegError as error:
        raise CorruptArtifact(f"{path} is not a readable video ({error.strerror})") from error
    return fps, taken


def decoded(png: bytes) -> Image.Image:
    """A PNG as an image."""
    return Image.open(BytesIO(png)).convert("RGB")


def _frame_count(container: InputContainer, stream: av.VideoStream, fps: Fraction) -> int:
    if stream.frames:
        return stream.frames
    if stream.duration and stream.time_base:
        return max(1, round(stream.duration * stream.time_base * fps))
    return max(1, round(Fraction(container.duration or 0, av.time_base) * fps))
