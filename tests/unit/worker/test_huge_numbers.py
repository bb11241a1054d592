"""Numbers that would hold the interpreter, or that no film has: each is refused at once, in one short sentence.

Where one was computed, its test would not end.
"""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from helios_crds.numbers import exact_number, whole_number
from helios_crds.request import RenderRequest, VideoRequest, check_fps
from helios_crds.text import first_problem
from helios_worker.capture.content.site import _part
from helios_worker.capture.faults import PageError
from helios_worker.capture.page.settings import Declared
from helios_worker.errors import HeliosError, UserError
from helios_worker.jobs.spec import Chunk
from helios_worker.planning.chunking import chunk_bounds, cut_chunks
from helios_worker.planning.film import exact_fps, resolve_film
from heliosctl.arguments.request import read_props
from heliosctl.arguments.targets import read_targets
from heliosctl.arguments.times import frame_at, read_range, seconds
from tests.unit.worker.builders import ENGINE, film
from tests.unit.worker.counting import counting
from tests.unit.worker.test_chunking import asked, points

DIGITS = "9" * 400
MANY_DIGITS = "9" * 5_000_000
BOMBS = ["1e30000000", "1e-30000000", "1e200000000", MANY_DIGITS, f"1/{MANY_DIGITS}", f"{MANY_DIGITS}/1", " " * 10**6]
LONGEST_MESSAGE = 300
PAGE = {"width": None, "height": None, "fps": "30", "duration": None, "frames": "12"}


def refused(error: HeliosError) -> str:
    """The message: one short line."""
    assert error.exit_code == 64
    assert len(str(error)) < LONGEST_MESSAGE
    assert str(error).isprintable()
    return str(error)


def invalid(changes: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as error:
        RenderRequest.model_validate_json(orjson.dumps({"composition": {"url": "page"}, **changes}))
    message = first_problem(error.value)
    assert len(message) < LONGEST_MESSAGE
    return message


@pytest.mark.parametrize("text", BOMBS, ids=lambda text: text[:12])
def test_a_bomb_is_no_number(text):
    assert exact_number(text) is None
    assert whole_number(text) is None


@pytest.mark.parametrize(
    "text", [*BOMBS, "", "1_0", "٣", "30 fps", "\x1b[2J30", "0x1e", "inf", "nan"], ids=lambda text: repr(text)[:20]
)
def test_a_page_s_rate(text):
    with pytest.raises(UserError) as error:
        exact_fps(text)
    assert "the page declares a frame rate of" in refused(error.value)


@pytest.mark.parametrize("name", ["width", "height", "frames", "duration"])
@pytest.mark.parametrize(
    "value",
    [
        *BOMBS,
        DIGITS,
        1e308,
        float("inf"),
        float("nan"),
        10**5000,
        10**30,
        -1,
        True,
        [1],
        {"valueOf": 3},
        "12" + " " * 10**6 + "x",
        "9" * 20,
        "\x1b]0;x\x07",
        "5\n6",
    ],
    ids=lambda value: repr(value)[:12] if not isinstance(value, int) or value < 10**100 else "a long int",
)
def test_what_a_page_declares(name, value):
    with pytest.raises(PageError) as error:
        Declared.parse(PAGE | {name: value})
    assert f"data-{name}=" in refused(error.value)


@pytest.mark.parametrize("declared", [None, 5, "x", [], {}, {"fps": {}}, {"fps": [1]}, {"fps": "\x1b[2J"}])
def test_a_page_that_declares_something_else_entirely(declared):
    with pytest.raises(UserError) as error:
        resolve_film(asked(), Declared.parse(declared), film())
    refused(error.value)


def test_an_ordinary_declaration_is_taken():
    found = Declared.parse({"width": "1e2", "height": 90.0, "fps": 33.333333333333336, "duration": "1.5s", "frames": 7})
    assert (found.width, found.height, found.duration, found.frames) == (100, 90, 1.5, 7)
    assert exact_fps(found.fps or "") == exact_number("100/3")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"video": {"duration": 1e308}}, "video.duration"),
        ({"video": {"fps": DIGITS}}, "video.fps"),
        ({"video": {"fps": f"1/{MANY_DIGITS}"}}, "video.fps"),
        ({"video": {"range": [0, 10**15]}}, "video.range"),
        ({"video": {"rangeSeconds": [0, 1e300]}}, "video.rangeSeconds"),
        ({"video": {"rangeSeconds": [1e300, None]}}, "video.rangeSeconds"),
        ({"video": {"crf": 10**18}}, "video.crf"),
        ({"video": {"codec": "h" * 10**6}}, "video.codec"),
        ({"video": {"preset": "\x1b[2J" * 10**5}}, "video.preset"),
        ({"chunking": {"frames": 10**18}}, "chunking.frames"),
        ({"chunking": {"targetSeconds": 1e308}}, "chunking.targetSeconds"),
        ({"frameTimeout": 1e308}, "frameTimeout"),
        ({"composition": {"url": "p" * 10**6}}, "composition.url"),
        ({"output": "p" * 10**6}, "output"),
        ({"\x1b]0;t\x07\nERROR forged": 1}, "ERROR forged"),
        ({"k" * 10**6: 1}, "kkk"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else value,
)
def test_what_a_caller_asks_for(changes, field):
    message = invalid(changes)
    assert field in message
    assert message.isprintable()


@pytest.mark.parametrize("number", [10**17, 10**400, -(10**400)], ids=lambda n: f"{n < 0} {len(bin(n))}")
def test_a_rate_that_is_a_long_whole_number(number):
    with pytest.raises(ValidationError, match=r"out of range|not exact"):
        VideoRequest(fps=number)


def test_json_with_a_number_of_five_thousand_digits_is_refused():
    with pytest.raises(ValidationError):
        RenderRequest.model_validate_json(
            '{"composition":{"url":"p","props":{"n":NINES}},"video":{"fps":NINES}}'.replace("NINES", "9" * 5000)
        )


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("props", "message"),
    [
        (nested(65), "nested more than 64 levels"),
        (nested(100_000), "nested more than 64 levels"),
        ({"n": 10**5000}, "too large for JavaScript"),
        ({"n": float("nan")}, "cannot be written as JSON"),
        ({"text": "\ud800"}, "cannot be written as JSON"),
        ({"\udfff": 1}, "cannot be written as JSON"),
        ({"text": "x" * (5 << 20)}, "more than 4194304"),
        ({"what": object()}, "cannot be written as JSON"),
    ],
    ids=range(8),
)
def test_props_that_no_stage_could_pass_on(props, message):
    with pytest.raises(ValidationError, match=message) as error:
        RenderRequest.model_validate({"composition": {"url": "p", "props": props}})
    assert len(first_problem(error.value)) < LONGEST_MESSAGE


def test_a_whole_number_beyond_64_bits_is_what_javascript_makes_of_it():
    asked_for = RenderRequest.model_validate({"composition": {"url": "p", "props": {"ids": [2**64, 2**53 + 1]}}})
    assert orjson.dumps(asked_for.composition.props) == b'{"ids":[1.8446744073709552e+19,9007199254740993]}'


@pytest.mark.parametrize(
    "read",
    [
        lambda text: seconds(text, option="--duration"),
        lambda text: read_range(f"{text}:{text}"),
        lambda text: read_range(f"0s:{text}s"),
        lambda text: frame_at(text, exact_fps("30"), option="--at"),
        lambda text: frame_at(f"{text}s", exact_fps("30"), option="--at"),
        lambda text: read_targets(f"lambda=name:{text}"),
        lambda text: read_targets(f"cloud-run=https://a.example:{text}"),
    ],
    ids=range(7),
)
def test_numbers_of_the_command_line(read):
    with pytest.raises(UserError):
        read("9" * 5000)


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5000], ids=["deep", "long"])
def test_props_of_the_command_line(text):
    with pytest.raises(UserError, match="--props"):
        read_props(text)


def test_a_range_header_of_five_thousand_digits_asks_for_the_whole_file():
    assert _part(f"bytes={'9' * 5000}-", 100) is None
    assert _part(f"bytes=0-{'9' * 5000}", 100) is None


@pytest.mark.parametrize("changes", [{"id": -1}, {"startFrame": 10**18}, {"frameCount": 0}, {"frameCount": 10**300}])
def test_a_job_file_s_chunk(changes):
    with pytest.raises(ValidationError):
        Chunk.model_validate({"id": 0, "startFrame": 0, "frameCount": 1, "outputFile": "x"} | changes)


def test_check_fps_says_the_same_to_kubectl():
    with pytest.raises(ValueError, match="is not exact") as error:
        check_fps(MANY_DIGITS)
    assert len(str(error.value)) < LONGEST_MESSAGE


@pytest.mark.parametrize("chunking", [{"count": 1_000}, {"targetSeconds": 60}, {"frames": 2_000}])
def test_two_million_units_are_cut_at_once(chunking):
    """Unit by unit it took 14 s."""
    whole = film(2_000_000, unit=1)
    with counting() as calls:
        bounds = chunk_bounds(whole, points((0, 0.05), (41, 0.01), (1_900_000, 0.02)), asked(**chunking))
    assert len(bounds) > 500
    assert all(start < end for start, end in pairwise(bounds))
    assert calls[0] < 1_000_000, "a number by the chunks, not by the units"


def test_large_props_are_read_once_for_all_keys():
    """Ten thousand chunks would otherwise serialize four megabytes each."""
    whole = film(10_000, unit=1, props={"text": "x" * (1 << 20)})
    with counting("model_dump") as calls:
        made = cut_chunks(whole, points((0, 0.05)), asked(frames=100), ENGINE)
    assert len({chunk.key for chunk in made}) == 100
    assert calls[0] <= 101
