"""How a chunk is shared between lanes: every frame captured once, every unit encoded by one lane, in order."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios_worker.job import Chunk
from helios_worker.stages.chunk import Part, cut_parts, units_of
from tests.unit.worker.builders import chunk


@st.composite
def chunks_of_units(draw: st.DrawFn) -> tuple[Chunk, int, int]:
    """A chunk as plans cut them (on the grid but for the film's own ends), lanes, and the unit."""
    unit = draw(st.integers(1, 120))
    start = draw(st.integers(0, 20)) * unit if draw(st.booleans()) else draw(st.integers(0, 2000))
    count = draw(st.integers(1, 40 * unit))
    return chunk(start, start + count), draw(st.integers(1, 8)), unit


@given(chunks_of_units())
def test_parts_cover_the_chunk_without_gap_or_overlap(case):
    whole, lanes, unit = case
    parts = cut_parts(whole, lanes, unit)
    frames = [frame for part in parts for frame in range(part.first, part.end)]
    assert frames == list(range(whole.startFrame, whole.end))
    assert [part.lane for part in parts] == list(range(len(parts)))
    assert len(parts) == min(lanes, whole.frameCount)
    assert all(part.first < part.end for part in parts), "a lane without frames"


@given(chunks_of_units())
def test_every_frame_is_encoded_by_one_lane_and_units_are_never_split(case):
    whole, lanes, unit = case
    runs = [units_of(part, whole, unit) for part in cut_parts(whole, lanes, unit)]
    assert [frame for first, end in runs for frame in range(first, end)] == list(range(whole.startFrame, whole.end))
    for (_, end), (first, _) in pairwise(runs):
        assert end == first
        assert first in (whole.startFrame, whole.end) or first % unit == 0


@given(chunks_of_units())
def test_a_unit_belongs_to_the_lane_that_begins_it(case):
    whole, lanes, unit = case
    for part in cut_parts(whole, lanes, unit):
        first, end = units_of(part, whole, unit)
        begun = [f for f in range(part.first, part.end) if f % unit == 0 or f == whole.startFrame]
        assert bool(begun) == (first < end)
        assert not begun or begun[0] == first


@given(chunks_of_units())
def test_parts_are_as_equal_as_may_be(case):
    whole, lanes, unit = case
    sizes = [part.end - part.first for part in cut_parts(whole, lanes, unit)]
    on_grid = whole.frameCount >= 8 * unit * len(sizes)
    assert max(sizes) - min(sizes) <= (2 * unit if on_grid else 1)


@pytest.mark.parametrize(
    ("start", "end", "lanes", "parts"),
    [
        pytest.param(0, 60, 1, [(0, 60)], id="one lane takes it all"),
        pytest.param(0, 60, 2, [(0, 30), (30, 60)], id="a short chunk is cut within its unit"),
        pytest.param(60, 63, 8, [(60, 61), (61, 62), (62, 63)], id="no more lanes than frames"),
        pytest.param(0, 1010, 2, [(0, 480), (480, 1010)], id="a long chunk is cut on the grid"),
    ],
)
def test_cut_parts(start, end, lanes, parts):
    assert [(p.first, p.end) for p in cut_parts(chunk(start, end), lanes, 60)] == parts


def test_lanes_that_begin_no_unit_encode_nothing():
    whole = chunk(0, 60)
    assert [units_of(part, whole, 60) for part in cut_parts(whole, 3, 60)] == [(0, 60), (60, 60), (60, 60)]


def test_a_chunk_off_the_grid_begins_with_a_short_unit():
    """As --range makes it: the first unit runs from the range's start to the next grid line."""
    whole = chunk(50, 130)
    parts = [Part(0, 50, 90), Part(1, 90, 130)]
    assert [units_of(part, whole, 60) for part in parts] == [(50, 120), (120, 130)]
