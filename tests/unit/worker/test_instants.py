"""When a frame is: exact, never early, and by which frames a jump gets there."""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios_worker.capture.page.seek_path import seek_path
from helios_worker.capture.playhead import START_MS, instant_ms

RATES = [Fraction(rate) for rate in (1, 10, 12, 15, 24, 25, 30, 48, 50, 60, 90, 100, 120, 144, 240)] + [
    Fraction(whole * 1000, 1001) for whole in (24, 30, 48, 60, 120)
]
LATE_MS = 3e-6


def page_sees(milliseconds: float, fps: Fraction) -> int:
    """The frame number as a page computes it, in doubles."""
    return floor(milliseconds * float(fps) / 1000)


@pytest.mark.parametrize("fps", RATES, ids=str)
def test_a_page_that_multiplies_the_time_by_the_rate_gets_the_frame(fps):
    wrong = [n for n in range(20_000) if page_sees(instant_ms(n, fps), fps) != n]
    assert wrong == []


@given(st.integers(0, 10_000_000), st.sampled_from(RATES))
def test_the_frame_number_survives_at_any_length(frame, fps):
    assert page_sees(instant_ms(frame, fps), fps) == frame


@given(st.integers(0, 10_000_000), st.integers(1, 240), st.sampled_from([1, 1001, 7, 13]))
def test_never_early_and_at_most_three_nanoseconds_late(frame, numerator, denominator):
    fps = Fraction(numerator * (1000 if denominator == 1001 else denominator), denominator)
    exact = frame * 1000 / fps
    late = Fraction(instant_ms(frame, fps)) - exact
    assert 0 <= late < Fraction(LATE_MS)


@pytest.mark.parametrize("fps", [1, 10, 25, 50, 100, 125, 200])
def test_times_since_frame_0_of_whole_milliseconds_are_whole(fps):
    start = instant_ms(0, Fraction(fps))
    assert all(instant_ms(n, Fraction(fps)) - start == n * 1000 // fps for n in range(5000))


def test_no_clock_says_0_and_frame_0_is_after_the_page_has_loaded():
    assert 0 < START_MS < instant_ms(0, Fraction(30))


@given(st.integers(0, 100_000), st.sampled_from(RATES))
def test_time_moves_on_from_frame_to_frame(frame, fps):
    assert instant_ms(frame, fps) < instant_ms(frame + 1, fps)


@pytest.mark.parametrize(
    ("target", "at", "stateful", "stops"),
    [
        pytest.param(0, -1, False, [], id="the first frame needs nothing before it"),
        pytest.param(1, -1, False, [0], id="the second comes after the first"),
        pytest.param(3, -1, False, [0, 1, 2], id="lead-in and run-up meet without doubles"),
        pytest.param(75, -1, False, [0, 1, 73, 74], id="a jump: the film's first frames, then the last two before"),
        pytest.param(75, 73, False, [74], id="from close by"),
        pytest.param(75, 74, False, [], id="the next frame"),
        pytest.param(500, 75, False, [498, 499], id="a later jump has had its lead-in"),
        pytest.param(4, -1, True, [0, 1, 2, 3], id="a stateful page walks through all of them"),
        pytest.param(9, 6, True, [7, 8], id="a stateful page walks on from where it is"),
    ],
)
def test_way_to(target, at, stateful, stops):
    assert seek_path(target, at=at, stateful=stateful) == stops


@given(st.integers(0, 5000), st.integers(-1, 5000), st.booleans())
def test_a_way_goes_forward_and_stops_short_of_its_target(target, at, stateful):
    stops = seek_path(target, at=at, stateful=stateful)
    assert stops == sorted(set(stops))
    assert all(at < stop < target for stop in stops)
