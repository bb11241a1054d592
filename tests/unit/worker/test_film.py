"""What film it is: the request's word first, then the page's, and every refusal in words."""

from fractions import Fraction

import pytest
from pydantic import ValidationError

from helios_crds.request import CompositionRequest, RenderRequest, VideoRequest
from helios_worker.capture.page.settings import Declared
from helios_worker.errors import UserError
from helios_worker.planning.film import exact_fps, first_guess, resolve_film
from tests.unit.worker.builders import film

PAGE = Declared(width=640, height=360, fps="25", duration=4.0)


def asked(**video: object) -> RenderRequest:
    return RenderRequest(composition=CompositionRequest(url="page"), video=VideoRequest.model_validate(video))


def settled(request: RenderRequest, declared: Declared = PAGE):
    whole, warnings = resolve_film(request, declared, film())
    encoder = whole.encoder
    return (encoder.width, encoder.height, encoder.fps, whole.frames, whole.first, whole.end), warnings


@pytest.mark.parametrize(
    ("video", "declared", "expected"),
    [
        pytest.param({}, PAGE, (640, 360, 25, 100, 0, 100), id="the page alone"),
        pytest.param({"fps": 50}, PAGE, (640, 360, 50, 200, 0, 200), id="another rate, the same seconds"),
        pytest.param({"width": 320, "height": 180}, PAGE, (320, 180, 25, 100, 0, 100), id="another size"),
        pytest.param({"width": 1280}, PAGE, (1280, 360, 25, 100, 0, 100), id="one side"),
        pytest.param({"frames": 7}, PAGE, (640, 360, 25, 7, 0, 7), id="frames over the page's duration"),
        pytest.param({"duration": 2}, PAGE, (640, 360, 25, 50, 0, 50), id="duration over the page's"),
        pytest.param(
            {}, Declared(width=2, height=2, fps="10", duration=9.0, frames=5), (2, 2, 10, 5, 0, 5), id="frames win"
        ),
        pytest.param({}, Declared(2, 2, "10", 1.04), (2, 2, 10, 10, 0, 10), id="the nearest frame"),
        pytest.param(
            {}, Declared(2, 2, "10", 1.04, is_composition=True), (2, 2, 10, 11, 0, 11), id="to a composition's end"
        ),
        pytest.param(
            {},
            Declared(2, 2, "10", 0.1 + 0.2, is_composition=True),
            (2, 2, 10, 3, 0, 3),
            id="a hair beyond a frame",
        ),
        pytest.param({"range": [10, 20]}, PAGE, (640, 360, 25, 100, 10, 20), id="range"),
        pytest.param({"range": [10, None]}, PAGE, (640, 360, 25, 100, 10, 100), id="open range"),
        pytest.param({"rangeSeconds": [1, 2.02]}, PAGE, (640, 360, 25, 100, 25, 50), id="range in seconds"),
        pytest.param({"rangeSeconds": [0, None]}, PAGE, (640, 360, 25, 100, 0, 100), id="open range in seconds"),
        pytest.param(
            {"fps": "30000/1001", "duration": 10},
            Declared(),
            (1920, 1080, Fraction(30000, 1001), 300, 0, 300),
            id="an NTSC film of ten seconds has 300 frames",
        ),
        pytest.param({"duration": 0.1, "fps": 30}, PAGE, (640, 360, 30, 3, 0, 3), id="a tenth is not 2.99 frames"),
    ],
)
def test_request_over_page(video, declared, expected):
    assert settled(asked(**video), declared)[0] == expected


def test_what_nobody_says_is_assumed_aloud():
    found, warnings = settled(asked(frames=10), Declared())
    assert found == (1920, 1080, 30, 10, 0, 10)
    assert any("no frame rate set; using 30. Set data-fps" in warning.text for warning in warnings)
    assert any("no size set; using 1920x1080. Set data-width" in warning.text for warning in warnings)


def test_what_is_said_needs_no_warning():
    assert settled(asked())[1] == []


@pytest.mark.parametrize(
    ("video", "declared", "message"),
    [
        pytest.param(
            {}, Declared(fps="30"), r"the film has no length.*video.duration: 10s or video.frames: 300", id="no length"
        ),
        pytest.param({}, Declared(fps="30", duration=-1.0), r"a film of -30 frames", id="negative length"),
        pytest.param({"duration": 0.001}, PAGE, r"a film of 0 frames", id="shorter than a frame"),
        pytest.param({}, Declared(fps="30", duration=1e9), r"30000000000 frames.*1 to 10000000", id="too long"),
        pytest.param({"range": [50, 200]}, PAGE, r"50:200 does not lie within the film of 100 frames", id="range"),
        pytest.param({"range": [100, None]}, PAGE, r"100:100 does not lie within", id="range at the end"),
        pytest.param({"rangeSeconds": [1, 1.001]}, PAGE, r"no frame lies in the range: it is 25:25", id="empty range"),
        pytest.param({"width": 641}, PAGE, r"width 641 is odd.*use 642 or 640", id="odd width"),
        pytest.param({}, Declared(width=0, height=2, fps="1", frames=1), r"width: .*greater than", id="no width"),
        pytest.param({"crf": 99}, PAGE, r"crf 99 is out of range", id="crf"),
        pytest.param(
            {"preset": "quick"}, PAGE, r"preset 'quick' is not known to libx264; use one of: ultrafast", id="preset"
        ),
        pytest.param({"codec": "h263"}, PAGE, r"codec 'h263' is not known; use one of: h264", id="codec"),
        pytest.param({}, Declared(fps="fast", frames=1), r"frame rate of 'fast'.*30000/1001", id="page's rate"),
        pytest.param({}, Declared(fps="0", frames=1), r"0 frames per second cannot", id="rate 0"),
        pytest.param({}, Declared(fps="500", frames=1), r"500 frames per second.*to 240", id="rate 500"),
    ],
)
def test_refused_in_words(video, declared, message):
    with pytest.raises(UserError, match=message) as refused:
        resolve_film(asked(**video), declared, film())
    assert refused.value.exit_code == 64


@pytest.mark.parametrize(
    ("text", "fps"),
    [
        ("30", 30),
        ("30.0", 30),
        ("12.5", Fraction(25, 2)),
        ("30000/1001", Fraction(30000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("59.94005994", Fraction(60000, 1001)),
        ("119.88", Fraction(120000, 1001)),
        ("58.8235294117647", Fraction(1000, 17)),
        ("2997/100", Fraction(2997, 100)),
    ],
)
def test_declared_rates_are_taken_for_what_they_stand_for(text, fps):
    assert exact_fps(text) == fps


@pytest.mark.parametrize("text", ["", "fast", "30 fps", "1/0", "nan", "inf", "30/1.001"])
def test_no_rate(text):
    with pytest.raises(UserError, match="the page declares a frame rate of"):
        exact_fps(text)


@pytest.mark.parametrize("text", ["58.8235294117647", "29.5", "30000/1001", "240", "0.1"])
def test_a_film_of_any_declared_rate_survives_the_job_file(text):
    whole, _ = resolve_film(asked(frames=3), Declared(fps=text), film())
    assert type(whole).model_validate_json(whole.model_dump_json()) == whole


def test_a_first_guess_reads_the_markup():
    assert first_guess(asked(), '<html data-width="300" data-height=200>') == (300, 200)
    assert first_guess(asked(), '<html data-width="301" data-height="199">') == (302, 200)
    assert first_guess(asked(), "<html>") == (1920, 1080)
    assert first_guess(asked(width=50, height=40), '<html data-width="300">') == (50, 40)


def test_a_request_that_contradicts_itself_never_gets_here():
    with pytest.raises(ValidationError, match="not both"):
        asked(frames=3, duration=1)
