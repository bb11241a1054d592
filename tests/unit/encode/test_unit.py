from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO

import av
import pytest

from helios_worker.encode.mp4.track import open_track
from helios_worker.encode.video import codecs
from helios_worker.encode.video.picture import PictureDecoder
from helios_worker.encode.video.unit import EncodedUnit, StillUnits, UnitEncoder
from helios_worker.errors import EncodeError
from tests.unit.encode.builders import jpeg, picture, settings


def frames(*numbers: int) -> list[av.VideoFrame]:
    decoder = PictureDecoder(settings())
    return [decoder.decode(jpeg(picture(number))) for number in numbers]


def encode(pictures, made=None, stills=None) -> EncodedUnit:
    encoder = UnitEncoder(made or settings(), stills=stills)
    for frame in pictures:
        encoder.encode(frame)
    return encoder.finish()


def packets(encoded: EncodedUnit):
    with open_track(BytesIO(encoded.mp4)) as track:
        return [(item.frame, item.packet.is_keyframe, bytes(item.packet)) for item in track.packets()]


def test_a_unit_holds_each_frame_once_and_starts_with_its_only_key_frame():
    """Frames decoded from JPEG say that they are I pictures; each would become a key frame."""
    pictures = frames(0, 1, 2, 3, 4, 5)
    for frame in pictures:
        frame.pict_type = 1
    found = packets(encode(pictures))
    assert sorted(number for number, _, _ in found) == list(range(6))
    assert [key for _, key, _ in found] == [True] + [False] * 5
    assert [number for number, _, _ in found] != list(range(6)), "no B-frames, so nothing is tested"


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("preset", ["ultrafast", "fast"])
def test_the_same_frames_give_the_same_bytes(preset, threads):
    made = settings(preset=preset, threads=threads)
    assert encode(frames(0, 1, 2, 3), made) == encode(frames(0, 1, 2, 3), made)


def test_encoders_side_by_side_do_not_disturb_each_other():
    alone = encode(frames(0, 1, 2, 3, 4))
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: encode(frames(0, 1, 2, 3, 4)), range(8))) == [alone] * 8


@pytest.mark.parametrize("length", [1, 2, 3, 6])
def test_reorder_depth_does_not_depend_on_length(length):
    with open_track(BytesIO(encode(frames(*range(length))).mp4)) as track:
        assert track.parameters.reorder_depth == 2
        assert track.parameters.color.model_dump() == dict.fromkeys(("matrix", "transfer", "primaries", "range"), 1)


class TestStillness:
    def test_one_object_again_and_again_encodes_like_equal_frames(self):
        (still,) = frames(3)
        assert encode([still] * 6) == encode([frame for _ in range(6) for frame in frames(3)])

    def test_a_still_start_encodes_like_equal_frames(self):
        still, moved, later = frames(3, 4, 5)
        equal = [*(frame for _ in range(3) for frame in frames(3)), *frames(4, 5)]
        assert encode([still, still, still, moved, later]) == encode(equal)

    def test_standing_still_again_later_is_kept(self):
        a, b = frames(1, 2)
        found = packets(encode([a, b, a, a, b]))
        assert sorted(number for number, _, _ in found) == list(range(5))

    def test_a_still_unit_is_encoded_once(self):
        stills = StillUnits()
        (still,) = frames(3)
        first = encode([still] * 6, stills=stills)
        assert encode([still] * 6, stills=stills) is first
        assert encode([still] * 5, stills=stills).frames == 5
        assert encode(frames(3) * 6, stills=stills) is not first, "another object may be another picture"

    def test_other_settings_are_another_unit(self):
        stills = StillUnits()
        (still,) = frames(3)
        first = encode([still] * 6, stills=stills)
        assert encode([still] * 6, settings(crf=30), stills=stills) != first


class TestRules:
    def test_no_frames(self):
        with pytest.raises(EncodeError, match="at least one frame"):
            UnitEncoder(settings()).finish()

    def test_too_many_frames(self):
        with pytest.raises(EncodeError, match="holds 6 frames"):
            encode(frames(*range(7)))

    def test_finished_is_finished(self):
        encoder = UnitEncoder(settings())
        (frame,) = frames(1)
        encoder.encode(frame)
        encoder.finish()
        with pytest.raises(EncodeError, match="finished"):
            encoder.encode(frame)
        with pytest.raises(EncodeError, match="finished"):
            encoder.finish()

    def test_another_size_is_not_scaled_in_silence(self):
        with pytest.raises(EncodeError, match="frame 0 of the unit"):
            UnitEncoder(settings(width=98)).encode(frames(1)[0])

    def test_another_pixel_format_is_not_converted_in_silence(self):
        frame = frames(1)[0].reformat(format="yuv444p")
        with pytest.raises(EncodeError, match="yuv444p"):
            UnitEncoder(settings()).encode(frame)


class TestOptions:
    def test_an_option_that_ffmpeg_does_not_take_is_an_error(self, monkeypatch):
        row = codecs.CODECS["h264"]
        wrong = replace(row, options=lambda crf, preset: row.options(crf, preset) | {"cfr": "18"})
        monkeypatch.setattr(codecs, "CODECS", {"h264": wrong})
        monkeypatch.setattr("helios_worker.encode.video.settings.CODECS", {"h264": wrong})
        with pytest.raises(EncodeError, match="knows no option cfr"):
            encode(frames(0))

    @pytest.mark.parametrize("value", ["crf=30", "preset=slow"])
    def test_settings_reach_the_encoder(self, value):
        name, _, setting = value.partition("=")
        assert encode(frames(0, 1, 2), settings(**{name: setting})) != encode(frames(0, 1, 2))

    def test_x264_knows_each_of_its_parameters(self, monkeypatch):
        """A name that it does not know is ignored; only its log tells, which the last line makes sure of."""
        assert self._complaints(monkeypatch, codecs.X264_PARAMS) == []
        assert len(self._complaints(monkeypatch, {**codecs.X264_PARAMS, "open-goop": "0"})) == 1

    @pytest.mark.parametrize("instructions", ["AVX2", "SSE2", "MMX2", "0"])
    def test_the_bytes_do_not_depend_on_the_processor(self, monkeypatch, instructions):
        """On a machine with AVX-512, each of these differs from the default unless x264 is told not to."""
        made = settings(width=320, height=192)
        encoder, other = UnitEncoder(made), UnitEncoder(made)
        decoder = PictureDecoder(made)
        pictures = [decoder.decode(jpeg(picture(number, 320, 192))) for number in range(6)]
        for frame in pictures:
            encoder.encode(frame)
        expected = encoder.finish()
        monkeypatch.setattr(codecs, "X264_PARAMS", {**codecs.X264_PARAMS, "asm": instructions})
        for frame in pictures:
            other.encode(frame)
        assert other.finish() == expected

    def _complaints(self, monkeypatch, params) -> list[str]:
        monkeypatch.setattr(codecs, "X264_PARAMS", params)
        av.logging.set_level(av.logging.WARNING)
        try:
            with av.logging.Capture() as log:
                encode(frames(0))
        finally:
            av.logging.set_level(None)
        return [text for _, source, text in log if source == "libx264"]


def test_chroma_is_declared_in_the_centre(monkeypatch):
    """JPEG's chroma lies there; a stream that says nothing means left."""
    declared = encode(frames(0))
    monkeypatch.setattr(codecs, "X264_PARAMS", {**codecs.X264_PARAMS, "chromaloc": "0"})
    with open_track(BytesIO(declared.mp4)) as centre, open_track(BytesIO(encode(frames(0)).mp4)) as left:
        assert centre.stream.codec_context.extradata != left.stream.codec_context.extradata
