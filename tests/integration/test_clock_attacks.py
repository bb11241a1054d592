"""A page cannot fool the clock: its film shows the right times, or it is refused with a sentence.

What the clock touches is redefined all at once here, in each way, with the tries that no generator would think of.
`make attack-clock` redefines one name after the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from tests.integration.attacks.attacks import CONTRACT, TRIES, Range, Target, shooting_range

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def attacked(runner: asyncio.Runner) -> Iterator[Range]:
    context = shooting_range()
    yield runner.run(context.__aenter__())
    runner.run(context.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def targets(runner: asyncio.Runner, attacked: Range) -> list[Target]:
    return runner.run(attacked.targets())


def test_the_generator_knows_what_the_audit_found(targets: list[Target]):
    found = {str(target) for target in targets}

    assert len(found) > 1000
    assert {
        "Array.prototype.@@iterator",
        "Map.prototype.set",
        "Function.prototype.apply",
        "Function.prototype.call",
        "Function.prototype.bind",
        "Document.prototype.defaultView",
        "Promise.prototype.then",
        "Promise.@@species",
        "globalThis.Reflect",
        "Object.prototype.then (inherited)",
    } <= found


def test_a_page_that_attacks_nothing_shows_the_time(runner: asyncio.Runner, attacked: Range):
    assert runner.run(attacked.attack()).kind == "right"


@pytest.mark.parametrize("before", [True, False], ids=["before the load", "in frame 3"])
@pytest.mark.parametrize("how", ["throws", "nothing", "never"])
def test_nothing_that_a_page_redefines_is_run(
    how: str, before: bool, runner: asyncio.Runner, attacked: Range, targets: list[Target]
):
    redefined = [target for target in targets if not target.inherited]
    outcome = runner.run(attacked.attack(redefined, how=how, before=before))

    assert outcome.kind == "right", outcome.details


@pytest.mark.parametrize("before", [True, False], ids=["before the load", "in frame 3"])
def test_the_clock_inherits_nothing_from_the_page(
    before: bool, runner: asyncio.Runner, attacked: Range, targets: list[Target]
):
    inherited = [target for target in targets if target.inherited and target.key not in CONTRACT]
    outcome = runner.run(attacked.attack(inherited, before=before))

    assert outcome.kind == "right", outcome.details


@pytest.mark.parametrize("name", sorted(CONTRACT))
def test_a_page_that_throws_where_it_is_asked_is_refused(name: str, runner: asyncio.Runner, attacked: Range):
    outcome = runner.run(attacked.attack([Target("Object.prototype", name, inherited=True)], before=True))

    assert outcome.kind == "refused", outcome
    assert "sabotaged" in outcome.details


@pytest.mark.parametrize("before", [True, False], ids=["before the load", "in frame 3"])
@pytest.mark.parametrize("script", TRIES.values(), ids=TRIES.keys())
def test_the_clock_holds_against_a_page_that(script: str, before: bool, runner: asyncio.Runner, attacked: Range):
    outcome = runner.run(attacked.attack(script=script, before=before and "window.stop" not in script))

    assert outcome.kind in ("right", "refused"), outcome


def test_no_real_time_or_chance_shows(runner: asyncio.Runner, attacked: Range):
    first, second = runner.run(attacked.told()), runner.run(attacked.told())

    assert {name: (value, second[name]) for name, value in first.items() if value != second[name]} == {}
    assert first["screen"][:2] == [320, 180]
    assert first["lastModified"] == "01/01/2026 00:00:00"
    assert first["timing.navigationStart"] == first["File"] == first["opfs"] == 1_767_225_600_000
    assert "Thu, 01 Jan 2026 00:00:00 GMT" in first["Date header"]
    assert [round(time, 3) for time in first["worker"][:4]] == [0, 1_767_225_600_000, 0, 1_767_225_600_000]
    assert first["audiow"][0] == 1_767_225_600_000
    times = [
        first["mark"],
        first["IO.time"],
        first["DocumentTimeline"],
        *(each["startTime"] for each in first["entries"]),
    ]
    assert {round(time, 3) for time in times} == {0}
