"""Whether the file of an image ends before its picture does, which browsers show in part and say nothing about.

Only for formats in which a whole file has an end that can be found for certain.
"""

import base64
import mmap
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_START_OF_SCAN = 0xDA
# What the files of AVIF and HEIC are called in them. Others are videos.
_PICTURES = (b"avif", b"avis", b"mif1", b"msf1", b"heic", b"heix", b"hevc", b"hevx", b"miaf")
# Segments of a JPEG, boxes of an AVIF and blocks of a GIF that are looked at. A GIF with more of them counts as whole.
PARTS_READ = 100_000
BLOCKS_READ = 1_000_000
_GIF_TRAILER, _GIF_EXTENSION, _GIF_PICTURE = 0x3B, 0x21, 0x2C
# Characters of the base64 of a PNG or JPEG in which its end is looked for first.
_END = 64

Bytes = bytes | mmap.mmap


def is_truncated(file: Path) -> bool:
    """Whether the end of an image is missing. What is no PNG, JPEG, WebP, GIF, AVIF, BMP or icon counts as whole."""
    if file.stat().st_size < 16:
        return False
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return ends_early(data)


def data_is_truncated(address: str) -> bool:
    """The same for the image in a data: URL.

    >>> data_is_truncated("data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs=")
    False
    >>> data_is_truncated("data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQB")
    False
    >>> data_is_truncated("data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQ")
    True
    """
    head, comma, text = address.partition(",")
    if not comma or "svg" in head:
        return False
    if not head.rstrip().lower().endswith(";base64"):
        return ends_early(unquote_to_bytes(text))
    # A page may make one for each frame, and those are whole: then the end tells enough.
    if b"IEND\xaeB`\x82" in (end := _decoded(text[-(_END + len(text) % 4) :])) or end[-2:] == b"\xff\xd9":
        return False
    return ends_early(_decoded(text))


def _decoded(text: str) -> bytes:
    plain = "".join(unquote_to_bytes(text).decode("latin-1").split()) if "%" in text else text
    plain = plain.rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4))
    except ValueError:
        return b""


def ends_early(data: Bytes) -> bool:
    """Whether the end of an image with these bytes is missing."""
    start = data[:32]
    if start.startswith(PNG):
        return data.rfind(b"IEND\xaeB`\x82") < 0
    if start.startswith(JPEG):
        return data.find(b"\xff\xd9", _first_scan(data)) < 0
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return int.from_bytes(start[4:8], "little") + 8 > len(data)
    if start[:6] in (b"GIF87a", b"GIF89a"):
        return _gif_ends_early(data)
    if (start[4:8] == b"ftyp" and start[8:12] in _PICTURES) or start[4:12] == b"JXL \r\n\x87\n":
        return any(end > len(data) for end in _box_ends(data))
    if start[:2] == b"BM":
        return _bitmap_ends_early(data)
    if start[:4] in (b"\0\0\1\0", b"\0\0\2\0"):
        return _icon_ends_early(data)
    return False


def _first_scan(data: Bytes) -> int:
    """Where a JPEG's picture begins, after its segments, which may hold another JPEG; the end where it has none."""
    at = 2
    for _ in range(PARTS_READ):
        if at + 4 > len(data) or data[at] != 0xFF:
            break
        if data[at + 1] == _START_OF_SCAN:
            return at
        at += 1 if data[at + 1] == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return len(data)


def _gif_ends_early(data: Bytes) -> bool:
    """Whether a GIF ends within a block. One that only lacks the last byte, which says that it ends, is whole."""
    if len(data) < 13:
        return True
    at = 13 + _color_table(data[10])
    blocks = 0
    while at < len(data):
        kind = data[at]
        if kind == _GIF_PICTURE and at + 10 < len(data):
            at += 11 + _color_table(data[at + 9])  # with the size of the first code
        elif kind == _GIF_EXTENSION:
            at += 2
        else:
            return kind == _GIF_PICTURE  # or the end, or what browsers take for it
        while at < len(data) and data[at]:
            at += 1 + data[at]
            blocks += 1
            if blocks > BLOCKS_READ:
                return False
        at += 1
        blocks += 1
    return at > len(data)


def _color_table(flags: int) -> int:
    return 3 * 2 << (flags & 7) if flags & 0x80 else 0


def _box_ends(data: Bytes) -> Iterator[int]:
    """Where the boxes of an AVIF, HEIC or JPEG XL end, as their sizes say."""
    at = 0
    for _ in range(PARTS_READ):
        if at + 8 > len(data):
            return
        size = int.from_bytes(data[at : at + 4])
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16])
        if size < 8:
            return  # it reaches to the end, or is none
        at += size
        yield at


def _bitmap_ends_early(data: Bytes) -> bool:
    if len(data) < 34 or int.from_bytes(data[30:34], "little") != 0:
        return False  # compressed
    width, height = (int.from_bytes(data[at : at + 4], "little", signed=True) for at in (18, 22))
    row = (width * int.from_bytes(data[28:30], "little") + 31) // 32 * 4
    return int.from_bytes(data[10:14], "little") + row * abs(height) > len(data)


def _icon_ends_early(data: Bytes) -> bool:
    entries = (data[at : at + 16] for at in range(6, 6 + 16 * int.from_bytes(data[4:6], "little"), 16))
    ends = (int.from_bytes(entry[8:12], "little") + int.from_bytes(entry[12:16], "little") for entry in entries)
    return any(end > len(data) for end in ends)
