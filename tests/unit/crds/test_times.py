"""Times as people write them, and rates that they have rounded."""

from fractions import Fraction

import pytest

from helios_crds.times import broadcast_rate, exact_rate, parse_time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10),
        ("2.5s", Fraction(5, 2)),
        (".5s", Fraction(1, 2)),
        ("500ms", Fraction(1, 2)),
        ("10m", 600),
        ("1h30m", 5400),
        ("1m0.5s", Fraction(121, 2)),
        ("7d", 604_800),
        ("4w", 2_419_200),
        ("1:30", 90),
        ("90:00", 5400),
        ("1:02:03.5", Fraction(7447, 2)),
        (" 2s ", 2),
    ],
)
def test_a_time_has_a_unit_or_a_colon(text, seconds):
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "10", "2.5", "s", "1x", "-1s", "1:2:3:4", "1:60", "1:60:00", "1e3s", "٣s", "1,5s", "30m1h", "1s1s", "9" * 99],
)
def test_what_is_no_time(text):
    assert parse_time(text) is None


@pytest.mark.parametrize("rounded", ["29.97", "23.976", "23.98", "59.94", "119.88"])
def test_a_rounded_rate_is_refused_with_the_one_that_it_stands_for(rounded):
    with pytest.raises(ValueError, match=r"write \d+000/1001"):
        exact_rate(rounded)


def test_a_broadcast_rate_is_no_other_rate():
    assert [broadcast_rate(Fraction(rate)) for rate in ("24", "25", "29.5", "12.5")] == [None] * 4
