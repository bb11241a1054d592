"""How a chunk is shared between lanes: every frame captured once, nobody idle while there is work, few jumps."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios_worker.rendering.work_stealing import PIECES_PER_UNIT, WorkStealingQueue


@st.composite
def shared_chunks(draw: st.DrawFn) -> tuple[range, int, int]:
    """A chunk's frames, on the grid or (as --range makes them) off it, lanes, and the unit."""
    unit = draw(st.integers(1, 120))
    start = draw(st.integers(0, 20)) * unit if draw(st.booleans()) else draw(st.integers(0, 2000))
    return range(start, start + draw(st.integers(1, 20 * unit))), draw(st.integers(1, 8)), unit


def dealt(queue: WorkStealingQueue, turns: list[int], lanes: int) -> dict[int, list[range]]:
    """What each lane takes when they ask in the order of `turns`, then in rounds until there is no more."""
    taken: dict[int, list[range]] = {lane: [] for lane in range(lanes)}
    done: set[int] = set()
    turns = [*turns, *range(lanes)]
    while len(done) < lanes:
        for lane in turns:
            piece = queue.take(lane)
            if piece is None:
                done.add(lane)
            else:
                done.discard(lane)
                taken[lane].append(piece)
        turns = list(range(lanes))
    return taken


def jumps(pieces: list[range]) -> int:
    return sum(before.stop != after.start for before, after in pairwise(pieces))


@given(shared_chunks(), st.booleans(), st.data())
def test_every_frame_is_taken_once_whoever_asks_when(case, stealing, data):
    frames, lanes, unit = case
    turns = data.draw(st.lists(st.integers(0, lanes - 1), max_size=60))
    taken = dealt(WorkStealingQueue(frames, lanes=lanes, unit=unit, stealing=stealing), turns, lanes)
    assert sorted(frame for pieces in taken.values() for piece in pieces for frame in piece) == list(frames)
    for piece in (piece for pieces in taken.values() for piece in pieces):
        assert 0 < len(piece) <= -(-unit // PIECES_PER_UNIT)
        assert piece.start // unit == (piece.stop - 1) // unit or unit % PIECES_PER_UNIT, "a piece lies in one unit"


@given(shared_chunks())
def test_without_stealing_every_lane_walks_on_without_a_jump(case):
    frames, lanes, unit = case
    taken = dealt(WorkStealingQueue(frames, lanes=lanes, unit=unit, stealing=False), [], lanes)
    assert [jumps(pieces) for pieces in taken.values()] == [0] * lanes


@given(shared_chunks())
def test_lanes_of_equal_speed_hardly_jump(case):
    """They end together but for rounding, so the tail alone is shared out again."""
    frames, lanes, unit = case
    taken = dealt(WorkStealingQueue(frames, lanes=lanes, unit=unit), [], lanes)
    assert max(jumps(pieces) for pieces in taken.values()) <= 2 + PIECES_PER_UNIT.bit_length()


def test_one_slow_lane_is_helped():
    """Lane 0 takes one piece; the other gets all the rest but what is no longer worth a jump."""
    taken = dealt(WorkStealingQueue(range(600), lanes=2, unit=60), [0] + [1] * 100, 2)
    assert taken[0] == [range(15), range(15, 30)]
    assert taken[1][:20] == [range(n, n + 15) for n in range(300, 600, 15)]
    assert taken[1][20].start == 180, "the later half of what lane 0 had left, on the grid"


@pytest.mark.parametrize(
    ("frames", "lanes", "firsts"),
    [
        pytest.param(range(300), 1, [0], id="one lane begins at the beginning"),
        pytest.param(range(300), 2, [0, 180], id="units enough: on the grid, the first lane has more"),
        pytest.param(range(1800), 3, [0, 600, 1200], id="even shares"),
        pytest.param(range(60), 2, [0, 30], id="one unit is cut within"),
        pytest.param(range(50, 130), 2, [50, 120], id="off the grid as --range leaves it"),
        pytest.param(range(60, 63), 3, [60, None, None], id="too little to share"),
    ],
)
def test_where_the_lanes_begin(frames, lanes, firsts):
    queue = WorkStealingQueue(frames, lanes=lanes, unit=60, stealing=False)
    taken = [queue.take(lane) for lane in range(lanes)]
    assert [piece and piece.start for piece in taken] == firsts
