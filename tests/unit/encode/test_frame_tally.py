from collections import Counter
from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from helios_worker.encode.proof.frame_tally import Fault, FrameTally


def faults(frames, window, promised):
    tally = FrameTally(window)
    return [*chain.from_iterable(tally.add(frame) for frame in frames), *tally.finish(promised)]


def test_a_gap_and_a_repeat_are_named():
    assert faults([0, 1, 4, 5, 5], window=2, promised=8) == [
        Fault(5, 5, repeated=True),
        Fault(2, 3),
        Fault(6, 7),
    ]


def test_in_order_a_gap_is_known_at_once():
    assert FrameTally(0).add(3) == [Fault(0, 2)]


@given(st.permutations(range(40)), st.integers(0, 6), st.sets(st.integers(0, 39)))
def test_every_missing_frame_is_found_and_no_other(order, window, lost):
    """Frames come at most `window` places late, as B-frames do."""
    order = sorted(range(40), key=lambda frame: frame + order[frame] / 40 * window)
    found = faults([frame for frame in order if frame not in lost], window, 40)
    assert not any(fault.repeated for fault in found)
    missing = {frame for fault in found for frame in range(fault.first, fault.last + 1)}
    assert missing == lost


@given(st.lists(st.integers(0, 30), max_size=60))
def test_a_wide_window_counts_like_a_counter(frames):
    found = faults(frames, window=100, promised=0)
    count = Counter(frames)
    repeats = Counter(fault.first for fault in found if fault.repeated)
    assert repeats == Counter({frame: times - 1 for frame, times in count.items() if times > 1})
    missing = {frame for fault in found if not fault.repeated for frame in range(fault.first, fault.last + 1)}
    assert missing == set(range(max(frames, default=-1) + 1)) - set(frames)
