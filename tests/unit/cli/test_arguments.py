"""From options to a request, and the message when an option is wrong."""

from fractions import Fraction

import pytest

from helios_crds.request import RenderRequest
from helios_worker.errors import UserError
from heliosctl.arguments.options import EncodeOptions, FilmOptions, PageOptions, options_given
from heliosctl.arguments.request import build_request, read_props
from heliosctl.arguments.times import age, count_of_frames, frame_at, read_range, seconds, waiting


def build(
    film: FilmOptions | None = None, page: PageOptions | None = None, encode: EncodeOptions | None = None
) -> RenderRequest:
    return build_request("page.html", film or FilmOptions(), page or PageOptions(), encode or EncodeOptions())


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10s", 10), ("2.5s", Fraction(5, 2)), ("1:30", 90), ("1:02:03.5", Fraction(7447, 2)), ("90:00", 5400)],
)
def test_times(text, expected):
    assert seconds(text, option="--duration") == expected


@pytest.mark.parametrize("text", ["", "s", "1x", "-1s", "1:2:3:4", "1e3s", "٣s", "1,5s", "1:75", "30s1m"])
def test_what_is_no_time_names_the_option_and_says_how_to_write_one(text):
    with pytest.raises(UserError, match="--duration") as caught:
        seconds(text, option="--duration")
    assert "2.5s" in caught.value.remedy


@pytest.mark.parametrize(
    ("read", "text", "remedy"),
    [
        pytest.param(lambda text: seconds(text, option="--duration"), "10", "--duration 10s", id="duration"),
        pytest.param(lambda text: seconds(text, option="--duration"), "10", "--frames 10", id="or frames"),
        pytest.param(lambda text: frame_at(text, Fraction(30), option="--at"), "2.5", "2.5s", id="at"),
        pytest.param(lambda text: age(text, option="--expires"), "12", "12h", id="age"),
        pytest.param(count_of_frames, "0-60", "--range 0:60", id="frames like a range"),
        pytest.param(count_of_frames, "0:60", "--range 0:60", id="frames as a range"),
        pytest.param(count_of_frames, "10s", "--duration 10s", id="frames as a time"),
        pytest.param(count_of_frames, "many", "--frames 300", id="frames that are none"),
        pytest.param(read_range, "30-120", "--range 30:120", id="range with a dash"),
        pytest.param(read_range, "1:00-1:10", "--range 1:00:1:10", id="range of times with a dash"),
        pytest.param(read_range, "2s to 5s", "--range 2s:5s", id="range with a word"),
    ],
)
def test_a_wrong_spelling_is_refused_with_the_right_one(read, text, remedy):
    with pytest.raises(UserError) as caught:
        read(text)
    assert text in caught.value.message
    assert remedy in caught.value.remedy


@pytest.mark.parametrize("text", ["30", "90s", "1:30"])
def test_a_limit_knows_no_frames_so_a_number_is_seconds(text):
    assert waiting("--frame-timeout")(text) == (30 if text == "30" else 90)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30:120", {"range": (30, 120)}),
        ("30..120", {"range": (30, 120)}),
        ("30:", {"range": (30, None)}),
        (":120", {"range": (0, 120)}),
        ("2s:5.5s", {"rangeSeconds": (2.0, 5.5)}),
        ("2s:", {"rangeSeconds": (2.0, None)}),
        (":1.5s", {"rangeSeconds": (0.0, 1.5)}),
        ("1:00:1:10", {"rangeSeconds": (60.0, 70.0)}),
        ("1:00..1:10", {"rangeSeconds": (60.0, 70.0)}),
        ("1:00:", {"rangeSeconds": (60.0, None)}),
        ("..1:10", {"rangeSeconds": (0.0, 70.0)}),
        ("90s:1:40", {"rangeSeconds": (90.0, 100.0)}),
        ("1:00:00:1:00:10", {"rangeSeconds": (3600.0, 3610.0)}),
    ],
)
def test_ranges(text, expected):
    assert read_range(text) == expected


@pytest.mark.parametrize(
    "text", ["", ":", "..", "x", "1", "1:2:3", "1:00:1:02:03", "a:b", "1.5:2", "-1:3", "1s:30", "30:2s"]
)
def test_what_is_no_range_or_could_be_several_says_how_to_write_one(text):
    with pytest.raises(UserError) as caught:
        read_range(text)
    assert "30:120" in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "fps", "frame"),
    [("75", 30, 75), ("2.5s", 30, 75), ("500ms", 30, 15), ("1:00", 24, 1440), ("1s", Fraction(30000, 1001), 29)],
)
def test_frames_by_number_and_by_time(text, fps, frame):
    assert frame_at(text, Fraction(fps), option="--at") == frame


@pytest.mark.parametrize(
    ("given", "rate"), [("30", "30"), ("0.5", "1/2"), ("12.50", "25/2"), ("25.0", "25"), ("30000/1001", "30000/1001")]
)
def test_a_rate_that_is_exact_is_taken(given, rate):
    assert build(FilmOptions(fps=given)).video.fps == rate


def test_options_that_were_given_are_known_by_their_names():
    assert options_given(FilmOptions(), PageOptions()) == []
    assert options_given(FilmOptions(width=2, fps="3"), EncodeOptions(frames_per_chunk=3)) == [
        "--width",
        "--fps",
        "--frames-per-chunk",
    ]


@pytest.mark.parametrize(
    ("film", "page", "encode", "message"),
    [
        pytest.param(
            FilmOptions(fps="29.97"),
            None,
            None,
            "--fps 29.97 is not exact: write 30000/1001",
            id="fps",
        ),
        pytest.param(FilmOptions(fps="0.0005"), None, None, "--fps 1/2000 is out of range", id="slow fps"),
        pytest.param(FilmOptions(fps="fast"), None, None, "--fps fast is not a rate", id="no fps"),
        pytest.param(FilmOptions(fps="0"), None, None, "--fps 0 is out of range", id="fps 0"),
        pytest.param(FilmOptions(width=1), None, None, "--width 1 must be at least 2", id="width"),
        pytest.param(FilmOptions(frames=0), None, None, "--frames 0 must be at least 1", id="no frames"),
        pytest.param(
            FilmOptions(frames=10**9), None, None, "--frames 1000000000 must be at most 10000000", id="10^9 frames"
        ),
        pytest.param(
            FilmOptions(frames=3, duration="1s"), None, None, "give --duration or --frames, not both", id="two lengths"
        ),
        pytest.param(FilmOptions(duration="0s"), None, None, "--duration", id="no time"),
        pytest.param(
            None, None, EncodeOptions(capture="png", quality=80), "--quality 80 would be ignored", id="quality of png"
        ),
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
