"""Whether the file of an image ends before its picture does, which browsers show in part and say nothing about.

Only for formats in which a whole file has an end that can be found for certain.
"""

import mmap
from pathlib import Path

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_START_OF_SCAN = 0xDA
SEGMENTS_READ = 100_000


def is_truncated(file: Path) -> bool:
    """Whether the end of a PNG, JPEG or WebP is missing. Anything else counts as whole."""
    if file.stat().st_size < 16:
        return False
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = data[:16]
        if start.startswith(PNG):
            return data.rfind(b"IEND\xaeB`\x82") < 0
        if start.startswith(JPEG):
            return data.find(b"\xff\xd9", _first_scan(data)) < 0
        if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
            return int.from_bytes(start[4:8], "little") + 8 > len(data)
    return False


def _first_scan(data: mmap.mmap) -> int:
    """Where a JPEG's picture begins, after its segments, which may hold another JPEG; the end where it has none."""
    at = 2
    for _ in range(SEGMENTS_READ):
        if at + 4 > len(data) or data[at] != 0xFF:
            break
        if data[at + 1] == _START_OF_SCAN:
            return at
        at += 1 if data[at + 1] == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return len(data)
