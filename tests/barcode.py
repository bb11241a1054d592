"""The reader of the test pages' barcodes (tests/integration/pages/assets/barcode.css): what a decoded
picture says.

A barcode is twelve cells, most significant bit first, 24 × 48 px each; a cell is white over black (1) or
black over white (0). Everything works on the luma plane as decoded, limited range. The reader never
guesses: a half that is neither black nor white, or a cell whose halves agree, is an Unreadable that names
the cell.

`draw` makes the same picture, for videos, for images that a server hands out, and for the reader's own
tests.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Luma = NDArray[np.uint8]

CELLS = 12
CELL = 24
"""Width of a cell and height of one of its halves, in pixels."""
LEFT = 16
LINE_TOPS = (8, 64, 120)
MODULUS = 1 << CELLS

BLACK, WHITE = 16, 235
DARK, LIGHT = 70, 180
"""Darker is black, lighter is white (limited range), between them lies an error."""


class Unreadable(AssertionError):
    """The picture shows no barcode here, or one between two values."""


def read(luma: Luma, line: int = 0) -> int:
    """The number on a line (0 to 2) of the page."""
    number = 0
    for cell in range(CELLS):
        upper, lower = (_half(luma, line, cell, half) for half in (0, 1))
        if upper == lower:
            colour = "white" if upper else "black"
            raise Unreadable(f"line {line}, cell {cell}: both halves are {colour}")
        number = number * 2 + upper
    return number


def _half(luma: Luma, line: int, cell: int, half: int) -> bool:
    """Whether half a cell is white, judged by the darkest and the lightest pixel of its middle."""
    top = LINE_TOPS[line] + CELL * half
    left = LEFT + CELL * cell
    middle = luma[top + 4 : top + CELL - 4, left + 4 : left + CELL - 4]
    darkest, lightest = int(middle.min()), int(middle.max())
    if lightest < DARK:
        return False
    if darkest > LIGHT:
        return True
    where = "upper" if half == 0 else "lower"
    raise Unreadable(f"line {line}, cell {cell}, {where} half: neither black nor white (luma {darkest} to {lightest})")


def edge(luma: Luma, line: int = 2) -> float:
    """Where a white bar on black that grows from the left ends, in pixels, on a line of the page.

    The share of white in the row's middle is the edge's place, to a fraction of a pixel.
    """
    top = LINE_TOPS[line]
    band = luma[top + 12 : top + 2 * CELL - 12].astype(np.float64)
    row = np.clip((band.mean(axis=0) - BLACK) / (WHITE - BLACK), 0, 1)
    grey = np.flatnonzero((row > 0.1) & (row < 0.9))
    if len(grey) and grey[-1] - grey[0] > 12:
        raise Unreadable(f"line {line}: no single edge, columns {grey[0]} to {grey[-1]} are grey")
    position = float(row.sum())
    if (row[: max(0, int(position) - 8)] < 0.5).any() or (row[int(position) + 8 :] > 0.5).any():
        raise Unreadable(f"line {line}: the bar is not one piece from the left")
    return position


def draw(value: int, *, margin: tuple[int, int] = (0, 0)) -> Luma:
    """A barcode in full range black and white; margin: grey columns and rows around it."""
    columns, rows = margin
    picture = np.full((2 * CELL + 2 * rows, CELLS * CELL + 2 * columns), 128, np.uint8)
    for cell in range(CELLS):
        bit = value >> (CELLS - 1 - cell) & 1
        left = columns + CELL * cell
        picture[rows : rows + CELL, left : left + CELL] = 255 * bit
        picture[rows + CELL : rows + 2 * CELL, left : left + CELL] = 255 * (1 - bit)
    return picture


def png(picture: Luma) -> bytes:
    """An 8-bit grey PNG."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = picture.shape
    rows = b"".join(b"\0" + row.tobytes() for row in picture)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def decoded(video: Path) -> Iterator[Luma]:
    """The luma planes of a file's pictures, in order of presentation."""
    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            plane = frame.planes[0]
            rows = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)
            yield rows[:, : plane.width]


def write_counting_image(path: Path, *, frames: int, milliseconds: int) -> None:
    """An animated image (GIF, APNG, WebP by its name) as write_counting_video's, that repeats for ever."""
    first, *rest = (Image.fromarray(draw(k, margin=(16, 8))) for k in range(frames))
    first.save(path, save_all=True, append_images=rest, duration=milliseconds, loop=0, lossless=True)


def write_counting_video(
    path: Path,
    *,
    frames: int,
    fps: int,
    codec: str,
    scale: int = 1,
    reordered: bool = True,
    muxer: dict[str, str] | None = None,
) -> None:
    """A video of 320 × 64, or so many times that, whose picture k is the barcode of k, where a page's line 0 is.

    reordered: whether pictures may be stored in another order than they are shown in, as encoders prefer.
    muxer: options of the file format.
    """
    with av.open(str(path), "w", options=muxer or {}) as container:
        stream = container.add_stream(codec, rate=fps)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320 * scale, 64 * scale, "yuv420p"
        stream.thread_count = 1
        if not reordered:
            stream.codec_context.max_b_frames = 0
        for k in range(frames):
            picture = draw(k, margin=(16, 8)).repeat(scale, axis=0).repeat(scale, axis=1)
            frame = av.VideoFrame.from_ndarray(picture, format="gray")
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode())
