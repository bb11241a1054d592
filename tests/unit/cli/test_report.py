"""Numbers, times, sizes and errors in words; charts and contact sheets in numbers."""

import io
from datetime import timedelta
from fractions import Fraction

import pytest
from PIL import Image
from rich.table import Table

from helios_crds.wire import Reply
from helios_worker.errors import UserError
from heliosctl.arguments.times import age
from heliosctl.commands.jobs import age_text
from heliosctl.errors import PLAN, Failure, StageFailed, Stopped
from heliosctl.terminal.contact_sheet import SHEET_WIDTH, default_columns, draw_sheet, spread
from heliosctl.terminal.curve import bars
from heliosctl.terminal.report import (
    PrintableConsole,
    message,
    print_labelled,
    sentence,
    size_text,
    time_code,
    time_text,
)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (99_960, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (4_200_000, "4.2 MB"),
        (25_300_000_000, "25.3 GB"),
        (3_000_000_000_000, "3.0 TB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_sizes(count, text):
    assert size_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0.0 s"), (4.25, "4.2 s"), (59.96, "1:00"), (75, "1:15"), (3725, "1:02:05")]
)
def test_times(seconds, text):
    assert time_text(seconds) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the disk is full", "The disk is full."),
        ("--fps 29.97 is not exact", "--fps 29.97 is not exact."),
        ("page.html is missing", "page.html is missing."),
        ("heliosctl jobs list shows them", "heliosctl jobs list shows them."),
        ("what now?", "What now?"),
        ("", ""),
    ],
)
def test_sentences(text, expected):
    assert sentence(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("api could not be loaded: the server answered 503", "api could not be loaded: the server answered 503."),
        ("frame 3: the page hangs", "Frame 3: the page hangs."),
        (" the disk is full", "The disk is full."),
        ("", ""),
    ],
)
def test_a_name_at_the_start_of_a_message_stays_as_it_is(text, expected):
    assert message(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("12h", timedelta(hours=12)), ("4w", timedelta(weeks=4)), ("1.5d", timedelta(days=1.5))]
)
def test_ages(text, expected):
    assert age(text, option="--older-than") == expected


@pytest.mark.parametrize("text", ["", "d", "1", "1y", "-1d", "999999999999w"])
def test_what_is_no_age_is_refused(text):
    with pytest.raises(UserError, match="--older-than"):
        age(text, option="--older-than")


@pytest.mark.parametrize(
    ("since", "text"),
    [
        (timedelta(seconds=3), "just now"),
        (timedelta(minutes=90), "1 h ago"),
        (timedelta(days=40), "40 d ago"),
        (timedelta(seconds=-3), "just now"),
    ],
)
def test_how_long_ago(since, text):
    assert age_text(since) == text


def test_bars_are_as_high_as_their_share_of_the_peak():
    assert bars([1, 2, 4], height=1) == ["▂▄█"]
    assert bars([4, 1], height=2) == ["█ ", "█▄"]
    assert bars([0.0, 0.0]) == ["▁▁"]
    assert bars([]) == [""]


@pytest.mark.parametrize(
    ("count", "frames", "expected"), [(4, 10, [0, 3, 6, 9]), (1, 10, [0]), (20, 3, [0, 1, 2]), (2, 100, [0, 99])]
)
def test_frames_are_spread_from_the_first_to_the_last(count, frames, expected):
    assert spread(count, frames) == expected


@pytest.mark.parametrize(
    ("count", "aspect", "columns"), [(20, 16 / 9, 5), (1, 1, 1), (9, 16 / 9, 3), (20, 9 / 16, 7), (4, 1, 2), (6, 1, 3)]
)
def test_a_contact_sheet_comes_out_about_as_wide_as_a_screen_and_full(count, aspect, columns):
    assert default_columns(count, aspect) == columns


def test_a_contact_sheet_shows_every_still_in_order():
    colours = {0: "#ff0000", 10: "#00ff00", 20: "#0000ff"}
    stills = {number: Image.new("RGB", (160, 90), colour) for number, colour in colours.items()}
    sheet = draw_sheet(stills, Fraction(30), columns=2)
    assert sheet.width == SHEET_WIDTH
    seen = [sheet.getpixel((x, y)) for x, y in ((480, 200), (1440, 200), (480, sheet.height - 200))]
    assert seen == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


def test_time_codes():
    assert [time_code(75, Fraction(30)), time_code(2000, Fraction(24))] == ["2.500 s", "1:23.333"]


def reply(code: int, stderr: str, **result: object) -> Reply:
    return Reply(exitCode=code, stderr=stderr, result=result or None)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(
            StageFailed(PLAN, reply(64, "the page is wrong; mend it", error="PageError", remedy="mend it")),
            Failure("PageError", "the page is wrong", "mend it", 64),
            id="the user's mistake stands for itself",
        ),
        pytest.param(
            StageFailed("chunk 3", reply(75, "the disk is full", error="ResourceError"), 3),
            Failure("ResourceError", "chunk 3 failed 3 times: the disk is full", "", 75),
            id="a chunk is named with its attempts",
        ),
        pytest.param(
            StageFailed("chunk 3", reply(1, "")),
            Failure("WorkerFailed", "chunk 3 failed: no reason given", "", 1),
            id="a worker that said nothing",
        ),
        pytest.param(Stopped(143, "all is kept"), Failure("Stopped", "all is kept", "", 143), id="a signal"),
        pytest.param(
            OSError(28, "No space left on device", "/film.mp4"),
            Failure(
                "OSError",
                "/film.mp4: No space left on device",
                "free some space and run the same command again",
                75,
            ),
            id="a full disk",
        ),
    ],
)
def test_what_a_failure_says(error, expected):
    assert Failure.of(error) == expected


def test_a_defect_of_ours_says_so():
    failure = Failure.of(KeyError("x"))
    assert failure.exit_code == 1
    assert "--debug" in failure.remedy


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_gets_nothing_but_text(terminal):
    """A page's error, a cloud's remedy, a job's output in a store: whatever is printed."""
    hostile = "\x1b]0;title\x07\x1b[2J\x9b31mfilm\u202e\x08.mp4"
    written = io.StringIO()
    console = PrintableConsole(file=written, force_terminal=terminal, width=200, color_system=None)
    print_labelled(console, "Error", hostile, hostile)
    console.print(f"Warning: {hostile}", markup=False, soft_wrap=True)
    grid = Table.grid()
    grid.add_row("Output", hostile)
    console.print(grid)
    assert written.getvalue().replace("\n", "").isprintable()
    assert written.getvalue().count("film") == 4


def test_a_reply_s_remedy_and_name_are_text():
    reply = Reply(
        exitCode=1,
        stderr="a\x1b[2Jb; do \x1b]0;t\x07this",
        result={"error": "\x1b[31mX\nY", "remedy": "do \x1b]0;t\x07this"},
    )
    failure = Failure.of(StageFailed(PLAN, reply))
    assert (failure.error, failure.remedy) == ("X Y", "do this")
    assert failure.message == "the plan failed: ab"
