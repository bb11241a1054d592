"""Pieces that go on from each other at another rate are one, and no others."""

from dataclasses import replace

import pytest

from helios_worker.capture.page.sounds import HeardPiece
from helios_worker.planning.rate_changes import joined

FIRST = HeardPiece(
    address="a.wav",
    element="<audio>",
    begin=0.0,
    end=100.0,
    position=0.0,
    rate=1.0,
    keeps_pitch=True,
    loop=0.0,
    gains=((0.0, 1.0), (50.0, 0.5)),
    silent="",
)
SECOND = replace(FIRST, begin=100.0, end=200.0, position=0.1, rate=2.0, gains=((100.0, 0.5),))
THIRD = replace(FIRST, begin=200.0, end=300.0, position=0.3, rate=0.5, gains=((200.0, 0.4), (250.0, 0.3)))


def test_pieces_that_go_on_at_another_rate_are_one():
    assert joined([FIRST, SECOND, THIRD]) == [
        replace(
            FIRST,
            end=300.0,
            turns=((100.0, 2.0), (200.0, 0.5)),
            gains=((0.0, 1.0), (50.0, 0.5), (200.0, 0.4), (250.0, 0.3)),
        )
    ]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(SECOND, rate=1.0), id="the same rate"),
        pytest.param(replace(SECOND, position=0.11), id="elsewhere"),
        pytest.param(replace(SECOND, begin=101.0), id="later"),
        pytest.param(replace(SECOND, address="b.wav"), id="another file"),
        pytest.param(replace(SECOND, keeps_pitch=False), id="without its pitch"),
        pytest.param(replace(SECOND, loop=5.0), id="in a loop"),
        pytest.param(replace(SECOND, rate=0.0), id="standing still"),
        pytest.param(replace(SECOND, end=100.0), id="of no length"),
    ],
)
def test_what_does_not_go_on_stays_apart(other):
    assert joined([FIRST, other]) == [FIRST, other]


def test_what_stands_still_is_not_gone_on_from():
    still = replace(FIRST, rate=0.0)
    after = replace(SECOND, position=0.0)
    assert joined([still, after]) == [still, after]


def test_a_loop_goes_on_at_its_start():
    first = replace(FIRST, loop=0.06)
    second = replace(SECOND, loop=0.06, position=0.04)
    assert len(joined([first, second])) == 1


def test_two_sounds_of_one_file_are_not_mixed_up():
    other = replace(FIRST, position=5.0)
    goes_on = replace(SECOND, position=5.1, rate=3.0)
    assert [(each.position, each.turns) for each in joined([FIRST, other, SECOND, goes_on])] == [
        (0.0, ((100.0, 2.0),)),
        (5.0, ((100.0, 3.0),)),
    ]


def test_a_rate_that_was_set_for_no_time_is_not_there():
    never = replace(FIRST, begin=100.0, position=0.1, rate=9.0, gains=((100.0, 0.5),))
    assert [each.turns for each in joined([FIRST, never, SECOND])] == [((100.0, 2.0),), ()]
