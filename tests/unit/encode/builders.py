"""Small films for tests: every picture carries its number, to be read back from what a player would show."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from helios_worker.encode.film.concat import concatenate
from helios_worker.encode.video.picture import PictureDecoder
from helios_worker.encode.video.settings import EncoderSettings
from helios_worker.encode.video.unit import EncodedUnit, UnitEncoder

Rgb = NDArray[np.uint8]

WIDTH, HEIGHT = 96, 64
BITS = 12
BAR = WIDTH // BITS


def settings(**changes: object) -> EncoderSettings:
    """Settings of a film that encodes in a blink, with B-frames."""
    values: dict[str, object] = {
        "width": WIDTH,
        "height": HEIGHT,
        "fps": "30",
        "crf": 20,
        "preset": "fast",
        "unit_frames": 6,
    }
    return EncoderSettings.model_validate(values | changes)


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> Rgb:
    """A moving gradient over noise; upper half: a barcode of the number, highest bit left, white is 1."""
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(number).integers(0, 24, (height, width))
    rgb = np.stack([(x * 2 + number * 3) % 200 + noise, y * 3 % 200 + noise, (x + y + number) % 200 + noise], -1)
    for bit in range(BITS):
        on = number >> (BITS - 1 - bit) & 1
        rgb[: height // 2, bit * BAR : (bit + 1) * BAR] = 235 if on else 20
    return rgb.astype(np.uint8)


def jpeg(rgb: Rgb, **options: object) -> bytes:
    """As Chromium stores it: 4:2:0, full range, BT.601."""
    return _stored(rgb, "JPEG", **({"quality": 95, "subsampling": 2} | options))


def png(rgb: Rgb, **options: object) -> bytes:
    return _stored(rgb, "PNG", **options)


def webp(rgb: Rgb) -> bytes:
    return _stored(rgb, "WEBP", lossless=True)


def _stored(rgb: Rgb, kind: str, **options: object) -> bytes:
    file = BytesIO()
    Image.fromarray(rgb).save(file, kind, **options)
    return file.getvalue()


def plane(frame: av.VideoFrame, index: int) -> NDArray[np.float64]:
    """One plane of a frame: 0 luma, 1 Cb, 2 Cr."""
    data = frame.planes[index]
    rows = np.frombuffer(bytes(data), np.uint8).reshape(data.height, data.line_size)
    return rows[:, : data.width].astype(np.float64)


def units(settings: EncoderSettings, frames: int) -> list[EncodedUnit]:
    """The film 0..frames, cut on the unit grid."""
    decoder = PictureDecoder(settings)
    encoded = []
    for start in range(0, frames, settings.unit_frames):
        encoder = UnitEncoder(settings)
        for number in range(start, min(start + settings.unit_frames, frames)):
            encoder.encode(decoder.decode(jpeg(picture(number))))
        encoded.append(encoder.finish())
    return encoded


def segment(path: Path, settings: EncoderSettings, units: Sequence[EncodedUnit]) -> Path:
    pieces = [BytesIO(unit.mp4) for unit in units]
    concatenate(pieces, path, settings, expected=[unit.frames for unit in units])
    return path


def segments(
    folder: Path, settings: EncoderSettings, units: Sequence[EncodedUnit], sizes: Sequence[int]
) -> tuple[list[Path], list[int]]:
    """Units grouped into segment files of `sizes` units, and the frame counts of those."""
    assert sum(sizes) == len(units)
    paths, frames = [], []
    start = 0
    for index, size in enumerate(sizes):
        group = units[start : start + size]
        paths.append(segment(folder / f"{index:05}.mp4", settings, group))
        frames.append(sum(unit.frames for unit in group))
        start += size
    return paths, frames


def shown_numbers(path: Path) -> list[int]:
    """The numbers that a player shows, in order."""
    return [number for number, _ in shown(path)]


def shown(path: Path) -> Iterator[tuple[int, Fraction]]:
    """Each shown number and its time in seconds."""
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.video[0]):
            luma = plane(frame, 0)
            bars = [luma[4 : HEIGHT // 2 - 4, i * BAR + 2 : (i + 1) * BAR - 2].mean() for i in range(BITS)]
            assert frame.pts is not None
            assert frame.time_base is not None
            number = sum((bar > 128) << (BITS - 1 - i) for i, bar in enumerate(bars))
            yield int(number), Fraction(frame.pts * frame.time_base)


def even_groups(total: int, groups: int) -> list[int]:
    """`total` units in `groups` segments of nearly equal size."""
    bounds = [total * i // groups for i in range(groups + 1)]
    return [b - a for a, b in pairwise(bounds)]
