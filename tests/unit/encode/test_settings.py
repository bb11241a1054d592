from fractions import Fraction

import av
import pytest
from pydantic import ValidationError

from helios_worker.encode.video.codecs import CODECS
from helios_worker.encode.video.settings import EncoderSettings, default_unit_frames
from tests.unit.encode.builders import settings


@pytest.mark.parametrize(
    ("given", "fps", "written"),
    [
        ("30", Fraction(30), "30"),
        (24, Fraction(24), "24"),
        ("30000/1001", Fraction(30000, 1001), "30000/1001"),
        (Fraction(24000, 1001), Fraction(24000, 1001), "24000/1001"),
        ("60/2", Fraction(30), "30"),
        ("1/10", Fraction(1, 10), "1/10"),
    ],
)
def test_fps_is_exact_and_survives_json(given, fps, written):
    made = settings(fps=given)
    assert made.fps == fps
    assert made.time_base == 1 / fps
    assert made.model_dump(mode="json")["fps"] == written
    assert EncoderSettings.model_validate_json(made.model_dump_json()) == made


@pytest.mark.parametrize(
    ("fps", "frames"), [("24", 48), ("30", 60), ("30000/1001", 60), ("60", 120), ("1", 2), ("1/10", 1)]
)
def test_default_unit_is_about_two_seconds(fps, frames):
    assert default_unit_frames(Fraction(fps)) == frames


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"fps": 29.97}, "30000/1001", id="rounded fps"),
        pytest.param({"fps": "29.97"}, "30000/1001", id="rounded fps in words"),
        pytest.param({"fps": True}, "not exact", id="a truth value is no number"),
        pytest.param({"fps": "0"}, "above 0", id="fps 0"),
        pytest.param({"fps": "30/0"}, "divides by zero", id="fps 30/0"),
        pytest.param({"fps": "-30"}, "not exact", id="negative fps"),
        pytest.param({"fps": "1001"}, "at most 1000", id="fps too high"),
        pytest.param({"codec": "h266"}, "use one of: h264", id="unknown codec"),
        pytest.param({"preset": "fastest"}, "ultrafast, superfast", id="unknown preset"),
        pytest.param({"crf": 52}, "0 to 51", id="crf too high"),
        pytest.param({"crf": -1}, "0 to 51", id="crf negative"),
        pytest.param({"pixel_format": "yuv444p"}, "use one of: yuv420p", id="pixel format"),
        pytest.param(
            {"width": 1279, "height": 720},
            "width 1279 is odd; yuv420p needs even sizes: use 1280 or 1278",
            id="odd width",
        ),
        pytest.param({"height": 1}, "height 1 is odd; yuv420p needs even sizes: use 2", id="odd height"),
        pytest.param({"width": 0}, "greater than or equal to 1", id="no width"),
        pytest.param({"width": 20_000}, "at most 16384", id="too wide"),
        pytest.param({"threads": 0}, "greater than or equal to 1", id="no threads"),
        pytest.param({"threads": 65}, "less than or equal to 64", id="too many threads"),
        pytest.param({"unit_frames": 0}, "greater than or equal to 1", id="empty unit"),
        pytest.param({"tune": "film"}, "Extra inputs", id="unknown field"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(changes, message):
    with pytest.raises(ValidationError, match=message):
        settings(**changes)


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        settings().crf = 1  # type: ignore[misc]


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.name)
def test_every_row_of_the_table_makes_settings(codec):
    for pixel_format in codec.formats:
        for preset in codec.presets:
            settings(codec=codec.name, pixel_format=pixel_format, preset=preset, crf=codec.crf[1])


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.name)
def test_the_table_agrees_with_ffmpeg(codec):
    encoder = av.Codec(codec.encoder, "w")
    for name, pixel_format in codec.formats.items():
        assert name in {layout.name for layout in encoder.video_formats or ()}
        layout = av.VideoFormat(name, 64, 64)
        assert pixel_format.chroma == (64 // layout.chroma_width(64), 64 // layout.chroma_height(64))
