"""The outermost boxes of an MP4 file (ISO/IEC 14496-12, 4.2): where its index is, and whether the file is cut off."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import SEEK_END
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its type ("moov", "mdat"), its start and its declared end, as offsets in bytes."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The boxes of a file in order. size: of the file in bytes, where the last box of a complete file ends."""

    boxes: Sequence[Box]
    size: int

    @property
    def is_whole(self) -> bool:
        """Whether the boxes fill the file exactly."""
        return bool(self.boxes) and self.boxes[-1].end == self.size

    @property
    def is_faststart(self) -> bool:
        """Whether the index comes before the media, so that a player need not read to the end."""
        kinds = [box.kind for box in self.boxes]
        return "moov" in kinds and "mdat" in kinds and kinds.index("moov") < kinds.index("mdat")


def read_layout(source: Path | BinaryIO) -> Layout:
    """The layout of a file, or of one in memory, which is rewound afterwards."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            return _layout(file)
    layout = _layout(source)
    source.seek(0)
    return layout


def _layout(file: BinaryIO) -> Layout:
    size = file.seek(0, SEEK_END)
    boxes: list[Box] = []
    start = 0
    while start < size:
        file.seek(start)
        header = file.read(16)
        length = int.from_bytes(header[:4])
        if length == 1:  # too large for 32 bits
            length = int.from_bytes(header[8:16])
        elif length == 0:  # to the end of the file
            length = size - start
        if len(header) < 8 or length < 8:
            break  # not a box
        boxes.append(Box(header[4:8].decode("latin-1"), start, start + length))
        start += length
    return Layout(boxes, size)
