"""Requests: what a user may ask for, and how a mistake is named."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from helios_crds.request import SLOWEST, ChunkingRequest, CompositionRequest, RenderRequest, VideoRequest


def request(**changes: object) -> RenderRequest:
    return RenderRequest.model_validate({"composition": {"url": "page.html"}, **changes})


def test_a_page_is_all_that_is_needed():
    asked = request()
    assert (asked.video.fps, asked.video.frames, asked.chunking.count, asked.composition.seeking) == (
        None,
        None,
        None,
        "Auto",
    )


@pytest.mark.parametrize(
    ("given_fps", "kept"),
    [
        (30, "30"),
        ("30", "30"),
        ("60/2", "30"),
        ("30000/1001", "30000/1001"),
        (Fraction(30000, 1001), "30000/1001"),
        (240, "240"),
        ("1/10", "1/10"),
    ],
)
def test_rates(given_fps, kept):
    assert VideoRequest(fps=given_fps).fps == kept


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"composition": {}}, "composition.url", "Field required"),
        ({"composition": {"url": ""}}, "composition.url", "at least 1 character"),
        ({"composition": {"url": "x", "uri": "y"}}, "composition.uri", "Extra inputs"),
        ({"composition": {"url": "x", "seed": -1}}, "composition.seed", "greater than or equal to 0"),
        ({"composition": {"url": "x", "seeking": "auto"}}, "composition.seeking", "'Auto', 'Seekable' or 'Stateful'"),
        ({"composition": {"url": "x", "pageErrors": "ignore"}}, "composition.pageErrors", "'fail' or 'warn'"),
        ({"video": {"fps": 29.97}}, "video.fps", "valid string"),
        ({"video": {"fps": "29.97"}}, "video.fps", "not exact: write 30, or a fraction such as 30000/1001"),
        ({"video": {"fps": "30/0"}}, "video.fps", "out of range"),
        ({"video": {"fps": 0}}, "video.fps", "above 0 and at most 240"),
        ({"video": {"fps": 241}}, "video.fps", "above 0 and at most 240"),
        ({"video": {"fps": -30}}, "video.fps", "not exact"),
        ({"video": {"fps": "30/1/1"}}, "video.fps", "not exact"),
        ({"video": {"fps": True}}, "video.fps", "valid string"),
        ({"video": {"fps": "²"}}, "video.fps", "not exact"),
        ({"video": {"fps": "30000000001/1000000000"}}, "video.fps", "too many digits"),
        ({"video": {"width": 1}}, "video.width", "greater than or equal to 2"),
        ({"video": {"width": 9000}}, "video.width", "less than or equal to 8192"),
        ({"video": {"frames": 0}}, "video.frames", "greater than or equal to 1"),
        ({"video": {"frames": 10**9}}, "video.frames", "less than or equal to 10000000"),
        ({"video": {"duration": 0}}, "video.duration", "greater than 0"),
        ({"video": {"duration": float("inf")}}, "video.duration", "finite number"),
        ({"video": {"duration": float("nan")}}, "video.duration", "finite number"),
        ({"video": {"duration": 1, "frames": 3}}, "video", "give duration or frames, not both"),
        ({"video": {"range": [0, 3], "rangeSeconds": [0, 1]}}, "video", "give range or rangeSeconds, not both"),
        ({"video": {"range": [5, 5]}}, "video", "the range 5:5 contains no frames"),
        ({"video": {"range": [-1, 5]}}, "video", "the range -1:5 contains no frames"),
        ({"video": {"range": [-1, None]}}, "video", "the range -1: contains no frames"),
        ({"video": {"rangeSeconds": [2.5, 1]}}, "video", "the range 2.5:1.0 contains no frames"),
        ({"video": {"quality": 0}}, "video.quality", "greater than or equal to 1"),
        ({"video": {"capture": "webp"}}, "video.capture", "'jpeg' or 'png'"),
        ({"video": {"unitFrames": 0}}, "video.unitFrames", "greater than or equal to 1"),
        ({"chunking": {"frames": 3, "count": 2}}, "chunking", "give one of frames, count and targetSeconds"),
        ({"chunking": {"count": 0}}, "chunking.count", "greater than or equal to 1"),
        ({"chunking": {"targetSeconds": 0}}, "chunking.targetSeconds", "greater than 0"),
        ({"frameTimeout": 0}, "frameTimeout", "greater than 0"),
        ({"framesTimeout": 3}, "framesTimeout", "Extra inputs"),
    ],
)
def test_a_mistake_is_named_with_its_field(changes, field, message):
    with pytest.raises(ValidationError) as refused:
        request(**changes)
    found = [(".".join(map(str, error["loc"])), error["msg"]) for error in refused.value.errors()]
    assert any(where == field and message in what for where, what in found), found


def test_a_request_survives_the_wire():
    asked = request(video={"fps": "30000/1001", "range": [3, None], "width": 320}, chunking={"count": 7}, output="o")
    assert RenderRequest.model_validate_json(asked.model_dump_json()) == asked


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_rate_that_is_taken_is_exact(numerator, denominator):
    text = f"{numerator}/{denominator}"
    try:
        fps = VideoRequest(fps=text).fps
    except ValidationError:
        assert not Fraction(1, SLOWEST) <= Fraction(text) <= 240
        return
    assert fps is not None
    assert Fraction(fps) == Fraction(text)


def test_models_do_not_change():
    for model in (CompositionRequest(url="x"), VideoRequest(), ChunkingRequest(), request()):
        with pytest.raises(ValidationError, match="frozen"):
            model.output = "y"  # type: ignore[union-attr, misc]
