"""StatusRateLimit to write progress: in order, and never far away."""

from helios_operator.control.status_rate_limit import BURST, LONGEST, RATE, StatusRateLimit


def test_a_few_write_at_once_and_thousands_in_turn():
    turns = StatusRateLimit()
    waits = [turns.wait(str(number), 1000.0) for number in range(BURST + 10)]
    assert waits[: BURST - 1] == [0.0] * (BURST - 1)
    assert waits[-1] > 0
    assert turns.wait("0", 1000.0) == 0.0, "its turn is kept until it has written"


def test_the_crowd_of_an_hour_ago_is_nobodys_delay():
    turns, now = StatusRateLimit(), 1000.0
    for second in range(3600):
        for number in range(20):
            turns.wait(f"{second}/{number}", now + second)
    later = now + 3600 + LONGEST + BURST / RATE
    assert turns.wait("alone", later) == 0.0
