"""What is in a finished file: how many frames, which frames, and how close to the lossless pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import av
import numpy as np
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from bench.renderers.barcode import read_number
from bench.renderers.films import Film
from bench.renderers.reference import References
from bench.renderers.ssim import ssim

SAMPLES = 6
# ISO/IEC 23091-2 matrix numbers as FFmpeg reports them.
_MATRIX_NAMES = {1: "bt709", 5: "bt601", 6: "bt601"}


@dataclass(frozen=True)
class Similarity:
    """SSIM of luma over a few frames; matrix is the one the file's luma was compared in."""

    mean: float
    lowest: float
    matrix: str


@dataclass(frozen=True)
class Inspection:
    """exact: frames whose barcode says what the film shows there. first_wrong: (place, number read)."""

    bytes: int
    frames: int
    exact: int
    first_wrong: tuple[int, int | None] | None
    fps: str
    pixels: str
    range: str
    matrix: str


def inspect(file: Path, film: Film) -> Inspection:
    """Decodes the whole file and reads each frame's number."""
    count = exact = 0
    first_wrong = None
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for count, luma in enumerate(_luma_planes(container), start=1):
            place = count - 1
            number = read_number(luma)
            if place < film.frames and number == film.expected_number(place):
                exact += 1
            elif first_wrong is None:
                first_wrong = (place, number)
        context = stream.codec_context
        return Inspection(
            bytes=file.stat().st_size,
            frames=count,
            exact=exact,
            first_wrong=first_wrong,
            fps=str(stream.average_rate),
            pixels=context.pix_fmt or "unknown",
            range="full" if _is_full_range(context.color_range, context.pix_fmt) else "limited",
            matrix=_MATRIX_NAMES.get(int(context.colorspace), "untagged"),
        )


def similarity(file: Path, film: Film, references: References) -> Similarity:
    """SSIM of a sample of frames against lossless pictures of the same frames.

    Luma is taken as stored and brought to full range. A file without a matrix tag is compared in the
    matrix that fits it better, so that this figure speaks of detail and not of tags.
    """
    wanted = set(film.sample(SAMPLES))
    planes: dict[int, NDArray[np.float32]] = {}
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        context = stream.codec_context
        full = _is_full_range(context.color_range, context.pix_fmt)
        for place, luma in enumerate(_luma_planes(container)):
            if place in wanted:
                planes[place] = _to_full_range(luma, full)
        tagged = _MATRIX_NAMES.get(int(context.colorspace))
    candidates = [tagged] if tagged else ["bt709", "bt601"]
    scores = {
        matrix: [ssim(plane, references.luma(film, place, matrix)) for place, plane in planes.items()]
        for matrix in candidates
    }
    matrix = max(scores, key=lambda name: fmean(scores[name]))
    return Similarity(mean=fmean(scores[matrix]), lowest=min(scores[matrix]), matrix=matrix)


def _luma_planes(container: av.container.InputContainer) -> Iterator[NDArray[np.uint8]]:
    for frame in container.decode(video=0):
        plane = frame.planes[0]
        rows = np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(plane.height, plane.line_size)
        yield rows[:, : plane.width]


def _is_full_range(color_range: int, pixels: str | None) -> bool:
    return int(color_range) == int(ColorRange.JPEG) or (pixels or "").startswith("yuvj")


def _to_full_range(luma: NDArray[np.uint8], full: bool) -> NDArray[np.float32]:
    values = luma.astype(np.float32)
    return values if full else np.clip((values - 16) * (255 / 219), 0, 255).astype(np.float32)
