"""From options to a request, and the message when an option is wrong."""

from fractions import Fraction

import pytest

from helios_crds.request import RenderRequest
from helios_worker.errors import UserError
from heliosctl.arguments.options import EncodeOptions, FilmOptions, PageOptions
from heliosctl.arguments.request import build_request, frame_at, read_props, read_range, seconds


def build(
    film: FilmOptions | None = None, page: PageOptions | None = None, encode: EncodeOptions | None = None
) -> RenderRequest:
    return build_request("page.html", film or FilmOptions(), page or PageOptions(), encode or EncodeOptions())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10", 10),
        ("10s", 10),
        ("2.5s", Fraction(5, 2)),
        (".5", Fraction(1, 2)),
        ("1:30", 90),
        ("1:02:03.5", Fraction(7447, 2)),
        ("90:00", 5400),
    ],
)
def test_times(text, expected):
    assert seconds(text, option="--duration") == expected


@pytest.mark.parametrize("text", ["", "s", "1x", "-1", "1:2:3:4", "1e3", "٣", "1,5"])
def test_what_is_no_time_names_the_option(text):
    with pytest.raises(UserError, match="--duration"):
        seconds(text, option="--duration")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30:120", {"range": (30, 120)}),
        ("30:", {"range": (30, None)}),
        (":120", {"range": (0, 120)}),
        ("2s:5.5s", {"rangeSeconds": (2.0, 5.5)}),
        ("2s:", {"rangeSeconds": (2.0, None)}),
        (":1.5s", {"rangeSeconds": (0.0, 1.5)}),
    ],
)
def test_ranges(text, expected):
    assert read_range(text) == expected


@pytest.mark.parametrize("text", ["", ":", "x", "1", "1:2:3", "a:b", "1.5:2", "-1:3", "1s:30", "30:2s"])
def test_what_is_no_range_says_how_to_write_one(text):
    with pytest.raises(UserError, match="30:120"):
        read_range(text)


@pytest.mark.parametrize(
    ("text", "fps", "frame"), [("75", 30, 75), ("2.5s", 30, 75), ("1:00", 24, 1440), ("1s", Fraction(30000, 1001), 29)]
)
def test_frames_by_number_and_by_time(text, fps, frame):
    assert frame_at(text, Fraction(fps), option="--at") == frame


def test_a_number_with_a_point_is_neither_frame_nor_time():
    with pytest.raises(UserError, match=r"--at 2\.5 is not a frame number or a time"):
        frame_at("2.5", Fraction(30), option="--at")


@pytest.mark.parametrize(
    ("film", "page", "encode", "message"),
    [
        pytest.param(
            FilmOptions(fps="29.97"),
            None,
            None,
            "--fps 29.97 is not exact: write 30, or a fraction such as 30000/1001 for 29.97",
            id="fps",
        ),
        pytest.param(FilmOptions(fps="0"), None, None, "--fps 0 is out of range", id="fps 0"),
        pytest.param(FilmOptions(width=1), None, None, "--width 1 must be at least 2", id="width"),
        pytest.param(FilmOptions(frames=0), None, None, "--frames 0 must be at least 1", id="no frames"),
        pytest.param(
            FilmOptions(frames=10**9), None, None, "--frames 1000000000 must be at most 10000000", id="10^9 frames"
        ),
        pytest.param(
            FilmOptions(frames=3, duration="1"), None, None, "give --duration or --frames, not both", id="two lengths"
        ),
        pytest.param(FilmOptions(duration="0"), None, None, "--duration", id="no time"),
        pytest.param(None, None, EncodeOptions(quality=101), "--quality 101 must be at most 100", id="quality"),
        pytest.param(None, None, EncodeOptions(crf=99), "--crf 99 is out of range; h264 takes 0 to 51", id="crf"),
        pytest.param(
            None, None, EncodeOptions(preset="fastest"), "--preset 'fastest' is not known to libx264", id="preset"
        ),
        pytest.param(FilmOptions(width=161), None, None, "--width 161 is odd", id="odd width"),
        pytest.param(FilmOptions(height=91), None, None, "--height 91 is odd", id="odd height"),
        pytest.param(None, None, EncodeOptions(range="5:2"), "the range 5:2 contains no frames", id="range"),
        pytest.param(
            None,
            None,
            EncodeOptions(chunks=2, frames_per_chunk=30),
            "give one of --frames-per-chunk, --chunks and --target-seconds",
            id="two ways to cut",
        ),
        pytest.param(None, PageOptions(seed=-1), None, "--seed -1 must be at least 0", id="seed"),
        pytest.param(None, PageOptions(frame_timeout=0), None, "--frame-timeout", id="timeout"),
        pytest.param(None, PageOptions(props="{a"), None, "--props is not valid JSON", id="props"),
    ],
)
def test_a_wrong_option_is_named(film, page, encode, message):
    with pytest.raises(UserError) as caught:
        build(film, page, encode)
    assert caught.value.message.startswith(message)
    assert caught.value.exit_code == 64
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("encode", "chunking"),
    [
        pytest.param(EncodeOptions(), {"targetSeconds": 20.0}, id="less than a cluster's default"),
        pytest.param(EncodeOptions(target_seconds=90), {"targetSeconds": 90.0}, id="as given"),
        pytest.param(EncodeOptions(chunks=3), {"count": 3}, id="by count"),
        pytest.param(EncodeOptions(frames_per_chunk=30), {"frames": 30}, id="by frames"),
    ],
)
def test_how_the_film_is_cut(encode, chunking):
    assert build(encode=encode).chunking.model_dump(exclude_none=True) == chunking


def test_props_from_a_file(tmp_path):
    (tmp_path / "props.json").write_text('{"title": "Hello"}')
    assert read_props(f"@{tmp_path / 'props.json'}") == {"title": "Hello"}


def test_a_props_file_that_is_missing_is_named():
    with pytest.raises(UserError, match=r"--props: nowhere\.json cannot be read"):
        read_props("@nowhere.json")
