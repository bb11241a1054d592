"""The reader of the test pages' barcodes: right through the codec, and an error where there is doubt."""

from pathlib import Path

import numpy as np
import pytest

from tests.barcode import (
    CELL,
    LEFT,
    LINE_TOPS,
    Luma,
    Unreadable,
    decoded,
    draw,
    edge,
    read,
    write_counting_video,
)


def page(*values: int) -> Luma:
    """A page with a barcode on each line, limited range."""
    picture = np.full((180, 320), 126, np.uint8)
    for top, value in zip(LINE_TOPS, values, strict=False):
        picture[top : top + 2 * CELL, LEFT : LEFT + 12 * CELL] = 16 + draw(value) // 255 * 219
    return picture


@pytest.mark.parametrize("value", [0, 1, 0b101010101010, 2748, 4095])
def test_what_is_drawn_is_read(value):
    picture = page(value, 4095 - value, value)
    assert [read(picture, line) for line in range(3)] == [value, 4095 - value, value]


def test_numbers_survive_the_encoder(tmp_path: Path):
    write_counting_video(tmp_path / "counting.mp4", frames=100, fps=30, codec="libx264")
    assert [read(luma) for luma in decoded(tmp_path / "counting.mp4")] == list(range(100))


def test_a_missing_barcode_is_no_zero():
    with pytest.raises(Unreadable, match="line 1, cell 0, upper half: neither black nor white"):
        read(page(7), line=1)


def test_a_cell_between_two_values_is_named():
    picture = page(0)
    picture[LINE_TOPS[0] : LINE_TOPS[0] + CELL, LEFT + 3 * CELL : LEFT + 3 * CELL + 12] = 235
    with pytest.raises(Unreadable, match="cell 3, upper half"):
        read(picture)


def test_a_cell_of_one_colour_is_an_error():
    picture = page(0)
    picture[LINE_TOPS[0] : LINE_TOPS[0] + 2 * CELL, LEFT + 11 * CELL : LEFT + 12 * CELL] = 16
    with pytest.raises(Unreadable, match="cell 11: both halves are black"):
        read(picture)


def bar(position: float) -> Luma:
    row = np.clip(position - np.arange(320), 0, 1)
    picture = np.full((180, 320), 126, np.uint8)
    picture[120:168] = (16 + 219 * row).astype(np.uint8)
    return picture


@pytest.mark.parametrize("position", [0, 0.5, 17, 160.25, 320])
def test_an_edge_is_found_to_a_fraction_of_a_pixel(position):
    assert edge(bar(position)) == pytest.approx(position, abs=0.05)


def test_a_torn_bar_is_an_error():
    picture = bar(100)
    picture[120:168, 200:220] = 235
    with pytest.raises(Unreadable, match="not one piece"):
        edge(picture)
