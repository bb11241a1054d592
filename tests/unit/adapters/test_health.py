"""How a target is, by what it did: when it rests, when it is left alone, and how much it is given."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from helios_adapters import Call, Health, TargetHealth
from helios_adapters.errors import ProviderFailed

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def after(*steps: Callable[[Health], Health]) -> Health:
    found = Health()
    for step in steps:
        found = step(found)
    return found


def failed(at: float = 0) -> Callable[[Health], Health]:
    return lambda known: known.after_failure("503", NOW + seconds(at))


def full(active: int, at: float = 0, retry_after: float | None = None) -> Callable[[Health], Health]:
    return lambda known: known.after_refusal(active, retry_after, NOW + seconds(at))


@pytest.mark.parametrize(
    ("known", "at", "active", "expected"),
    [
        pytest.param(after(), 0, 3, 7, id="nothing is known: its limit counts"),
        pytest.param(after(*[failed()] * 4), 0, 0, 7, id="four failures in a row are bad luck"),
        pytest.param(after(*[failed()] * 5), 9, 0, 0, id="five are not: it rests"),
        pytest.param(after(*[failed()] * 5), 10, 0, 1, id="one chunk tries it after its rest"),
        pytest.param(after(*[failed()] * 5), 10, 1, 0, id="and no other beside it"),
        pytest.param(after(*[failed()] * 9), 10, 0, 1, id="those that failed with it make its rest no longer"),
        pytest.param(after(*[failed()] * 5, failed(10)), 29, 0, 0, id="the next rest is twice as long"),
        pytest.param(after(*[failed()] * 5, failed(10)), 30, 0, 1, id="and ends"),
        pytest.param(after(*[failed()] * 5, Health.after_success), 1, 0, 7, id="one that is done ends it at once"),
        pytest.param(after(full(3)), 0.5, 3, 0, id="a full target is left alone for a second"),
        pytest.param(after(full(3)), 1, 2, 1, id="then it gets what it had when it was full"),
        pytest.param(after(full(3), Health.after_success), 1, 2, 2, id="and one more for each that it has done"),
        pytest.param(after(full(0)), 1, 0, 1, id="at least one"),
        pytest.param(after(full(3), full(3, at=1)), 2.5, 0, 0, id="twice in a row: two seconds"),
        pytest.param(after(full(199), full(120), full(50)), 1, 0, 7, id="the last one refused of a burst knows best"),
        pytest.param(after(full(9), full(3)), 1, 0, 3, id="how much it takes"),
        pytest.param(after(full(3, retry_after=20)), 19, 0, 0, id="as long as it asks"),
        pytest.param(after(full(3, retry_after=86_400)), 60, 0, 3, id="but a minute at most"),
    ],
)
def test_capacity(known: Health, at: float, active: int, expected: int):
    assert known.capacity(7, active, NOW + seconds(at)) == expected


def test_a_rest_is_never_longer_than_ten_minutes():
    known, now = Health(), NOW
    for _ in range(40):
        known = known.after_unusable("denied", now)
        assert known.until is not None
        assert known.until - now <= timedelta(minutes=10)
        now = known.until


def test_what_makes_a_resting_target_unusable_is_what_people_read():
    resting = after(*[failed()] * 5)
    assert resting.after_unusable("AccessDenied: grant lambda:InvokeFunction", NOW).why.startswith("AccessDenied")


def test_a_long_reason_keeps_its_beginning():
    health = TargetHealth(lambda: NOW)
    for work in range(5):
        health.record_answer(Call("f", "owner", str(work)), ProviderFailed("x" * 900, where="f"), others=0)
    assert "5 chunks in a row failed there" in health.resting()["f"]
