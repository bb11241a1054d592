"""What the progress says, by a clock that the test holds."""

import io
import re

import pytest
from rich.console import Console

from helios_crds.text import SLOW_MARK
from helios_crds.wire import Stage
from heliosctl.terminal.progress import LINE_SECONDS, BarProgress, LineProgress, Tally, print_slowness
from tests.unit.cli.builders import job


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_rate_needs_half_a_second_and_leaves_out_what_was_there():
    tally = Tally.of(job(frames=120, per_chunk=60), cached={0})
    tally.add(1, 5, now=10.0)
    assert tally.rate(10.1) is None
    tally.add(1, 25, now=11.0)
    assert tally.rate(11.0) == 30
    assert tally.remaining(11.0) == 1.0
    assert tally.line(11.0) == "90 of 120 frames, 30.0 fps, 1 of 2 chunks done, 1.0 s left"


def test_a_chunk_never_counts_more_than_its_frames():
    tally = Tally.of(job(frames=120, per_chunk=60), cached=set())
    tally.add(0, 500, now=1.0)
    assert tally.frames == 60


@pytest.mark.parametrize("cached", [set(), {0}])
def test_a_lost_chunk_starts_again(cached):
    tally = Tally.of(job(frames=120, per_chunk=60), cached)
    tally.add(1, 30, now=1.0)
    tally.finish(0)
    tally.lose(0)
    assert (tally.frames, tally.finished) == (30, set())
    tally.add(0, 60, now=2.0)
    assert tally.rate(2.0) == 90


def test_lines_come_every_few_seconds(clock):
    out = io.StringIO()
    progress = LineProgress(Console(file=out, width=200), clock=clock)
    progress.stage(Stage.PLAN)
    progress.planned(job(frames=120, per_chunk=60, warnings=("the gap",)), set())
    progress.stage(Stage.CHUNK)
    for _ in range(10):
        clock.now += LINE_SECONDS / 2
        progress.frames(0, 6)
    progress.finished(0)
    progress.stage(Stage.STITCH)
    assert out.getvalue().splitlines() == [
        "Planning.",
        "Warning: The gap.",
        "Rendering: 0 of 120 frames, 0 of 2 chunks done.",
        "Rendering: 12 of 120 frames, 4.8 fps, 0 of 2 chunks done, 22.5 s left.",
        "Rendering: 24 of 120 frames, 3.2 fps, 0 of 2 chunks done, 30.0 s left.",
        "Rendering: 36 of 120 frames, 2.9 fps, 0 of 2 chunks done, 29.2 s left.",
        "Rendering: 48 of 120 frames, 2.7 fps, 0 of 2 chunks done, 26.2 s left.",
        "Rendering: 60 of 120 frames, 2.7 fps, 0 of 2 chunks done, 22.5 s left.",
        "Joining.",
    ]


def test_a_warning_is_shown_once(clock):
    out = io.StringIO()
    progress = LineProgress(Console(file=out, width=200), clock=clock)
    for _ in range(2):
        progress.planned(job(frames=60, per_chunk=60, warnings=("the gap",)), set())
    assert out.getvalue().count("gap") == 1


def test_what_makes_a_page_slow_is_said_at_the_end(clock):
    out = io.StringIO()
    console = Console(file=out, width=200)
    slow = job(frames=60, per_chunk=60, warnings=("the gap", f"{SLOW_MARK}frame 9 takes 2.00 s"))
    LineProgress(console, clock=clock).planned(slow, set())
    assert "frame 9" not in out.getvalue()
    print_slowness(console, slow)
    assert out.getvalue().splitlines()[-1] == "Note: Frame 9 takes 2.00 s."


@pytest.mark.parametrize(("width", "shown"), [(120, True), (80, False)])
def test_the_bar_has_room_for_its_numbers(clock, width, shown):
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, _environ={})
    with BarProgress(console, clock=clock) as progress:
        progress.planned(job(frames=12_000, per_chunk=60), set())
        progress.stage(Stage.CHUNK)
        progress.frames(0, 30)
        clock.now += 10
        progress.frames(1, 30)
    line = next(line for line in out.getvalue().splitlines() if "6.0 fps" in line)
    assert "60/12000 frames · 6.0 fps · 0/200 chunks" in line
    assert "33:10 left" in line
    assert bool(re.search(r" \d+\.\d s ·", line)) == shown  # the real time since the start
