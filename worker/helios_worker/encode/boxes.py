"""The outermost boxes of an MP4 file (ISO/IEC 14496-12, 4.2): where the index is, and whether it is cut."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its type ("moov", "mdat"), and where it starts and should end, in bytes of the file."""

    kind: str
    start: int
    end: int


def top_level_boxes(path: Path) -> Iterator[Box]:
    """The boxes of a file in order. The last one may end beyond the file, if that was cut."""
    size = path.stat().st_size
    start = 0
    with path.open("rb") as file:
        while start + 8 <= size:
            file.seek(start)
            header = file.read(16)
            length = int.from_bytes(header[:4])
            if length == 1:
                length = int.from_bytes(header[8:16])
            elif length == 0:
                length = size - start
            if length < 8:
                return  # no box: whatever follows is not MP4
            yield Box(header[4:8].decode("latin-1"), start, start + length)
            start += length
