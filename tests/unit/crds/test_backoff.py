import pytest

from helios_crds.backoff import Backoff, chance_of


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [
        pytest.param(Backoff(base=10), [10, 20, 40, 80], id="doubles"),
        pytest.param(Backoff(base=10, cap=60), [10, 20, 40, 60, 60], id="up to the cap"),
        pytest.param(Backoff(base=0.2, factor=5, cap=4), [0.2, 1.0, 4], id="by another factor"),
        pytest.param(Backoff(base=3, factor=1), [3, 3, 3], id="or not at all"),
    ],
)
def test_waits_grow_with_failures(backoff, waits):
    assert [backoff.seconds(failures) for failures in range(1, len(waits) + 1)] == pytest.approx(waits)


def test_a_million_failures_wait_for_the_cap():
    assert Backoff(base=1, cap=300).seconds(1_000_000) == 300


def test_jitter_takes_off_its_share_at_most():
    backoff = Backoff(base=10, cap=60, jitter=0.5)
    assert backoff.seconds(2, chance=0.0) == 20
    assert backoff.seconds(2, chance=0.5) == 15
    assert backoff.delay(2, chance=1.0).total_seconds() == 10


def test_a_name_has_its_chance_and_names_have_different_ones():
    chances = [chance_of(f"chunk {index}") for index in range(1000)]
    assert chances == [chance_of(f"chunk {index}") for index in range(1000)]
    assert all(0 <= chance < 1 for chance in chances)
    assert 400 < sum(chance < 0.5 for chance in chances) < 600
