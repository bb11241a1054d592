"""Contact sheets: frames of a film side by side, each with its number and its time."""

from collections.abc import Mapping
from fractions import Fraction
from math import ceil, log

from PIL import Image, ImageDraw, ImageFont

from heliosctl.terminal.report import time_code

SHEET_WIDTH = 1920
GAP = 12
BACKGROUND, INK, MUTED = "#14161a", "#f2f4f8", "#8b93a1"


def spread(count: int, frames: int) -> list[int]:
    """`count` frame numbers from the film's first to its last, evenly.

    >>> spread(4, 10)
    [0, 3, 6, 9]
    """
    count = min(count, frames)
    if count == 1:
        return [0]
    return [round(Fraction(k * (frames - 1), count - 1)) for k in range(count)]


def default_columns(count: int, aspect: float) -> int:
    """The number of columns that makes the sheet about 16:9 and leaves few places empty.

    >>> default_columns(20, 16 / 9), default_columns(4, 1)
    (5, 2)
    """

    def flaw(columns: int) -> float:
        """The share of places that stay empty, and how far the sheet is from 16:9."""
        rows = ceil(count / columns)
        return 1 - count / (rows * columns) + abs(log(columns * aspect / rows * 9 / 16)) / 2

    return min(range(1, count + 1), key=flaw)


def draw_sheet(stills: Mapping[int, Image.Image], fps: Fraction, columns: int | None = None) -> Image.Image:
    """The contact sheet: 1920 pixels wide, stills in the order of their frame numbers."""
    first = next(iter(stills.values()))
    aspect = first.width / first.height
    columns = columns or default_columns(len(stills), aspect)
    columns = min(columns, len(stills))
    rows = ceil(len(stills) / columns)
    width = (SHEET_WIDTH - GAP * (columns + 1)) // columns
    height = max(1, round(width / aspect))
    text_size = max(11, min(18, width // 14))
    caption = round(text_size * 1.5)
    font = ImageFont.load_default(text_size)
    sheet = Image.new("RGB", (SHEET_WIDTH, GAP + rows * (height + caption + GAP)), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for place, (number, still) in enumerate(sorted(stills.items())):
        left = GAP + place % columns * (width + GAP)
        top = GAP + place // columns * (height + caption + GAP)
        sheet.paste(still.resize((width, height), Image.Resampling.LANCZOS), (left, top))
        baseline = top + height + round(text_size * 0.25)
        draw.text((left, baseline), str(number), INK, font)
        after = left + draw.textlength(f"{number}  ", font)
        draw.text((after, baseline), time_code(number, fps), MUTED, font)
    return sheet
