"""Where sound is found in files of every format, at their start, after a seek, and at their end."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from helios_worker.encode.audio.errors import SoundUnusable
from helios_worker.encode.audio.reader import SoundReader
from tests.unit.encode.sounds import KINDS, clicks, peak_near, tone, write

SECONDS, AT = 14, (0.1, 6.35, 13.7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sounds")


@pytest.mark.parametrize(("name", "kind", "codec", "rate"), KINDS, ids=[row[0] for row in KINDS])
def test_a_click_is_at_its_sample_in_every_format(folder, name, kind, codec, rate):
    path = write(folder / name, clicks(rate, SECONDS, AT), rate, kind=kind, codec=codec)
    reader = SoundReader(path, name)
    assert reader.rate == rate
    for time in (AT[0], AT[2], AT[1]):  # read on, sought forwards, sought backwards
        sample = round(time * rate)
        reader.seek(sample - 300)
        assert peak_near(reader.read(600), 300, 300) == 0
    reader.seek(0)
    assert reader.length() == pytest.approx(
        SECONDS * rate, abs=0 if "." in name and kind in ("wav", "flac", "mp3") else 960
    )
    assert reader.damaged == 0


def test_mp4_ends_where_its_edit_list_says(folder):
    path = write(folder / "exact.m4a", tone(44_100, 1.234), 44_100, kind="mp4", codec="aac")
    assert SoundReader(path, "a").length() == round(1.234 * 44_100)


def test_before_its_start_a_sound_is_silent(folder):
    path = write(folder / "early.wav", clicks(48_000, 1, [0]), 48_000)
    reader = SoundReader(path, "a")
    reader.seek(-100)
    assert peak_near(reader.read(200), 100, 100) == 0
    reader.seek(-50)
    assert peak_near(reader.read(200), 50, 50) == 0


@pytest.mark.parametrize(
    ("layout", "channel", "left", "right"),
    [
        ("mono", 0, 1.0, 1.0),
        ("stereo", 0, 1.0, 0.0),
        ("stereo", 1, 0.0, 1.0),
        ("5.1", 0, 1.0, 0.0),
        ("5.1", 2, 0.7071, 0.7071),
        ("5.1", 3, 0.0, 0.0),
        ("5.1", 4, 0.7071, 0.0),
        ("5.1", 5, 0.0, 0.7071),
    ],
)
def test_channels_are_heard_at_their_levels(folder, layout, channel, left, right):
    samples = np.zeros(({"mono": 1, "stereo": 2, "5.1": 6}[layout], 4800), np.float32)
    samples[channel] = 0.5
    path = write(folder / f"{layout}{channel}.wav", samples, 48_000, layout=layout)
    heard = SoundReader(path, "a").read(4800)
    assert heard.mean(axis=0) == pytest.approx([left / 2, right / 2], abs=1e-4)


def film(path: Path, *, sound_from: Fraction, picture_ticks: list[int]) -> Path:
    """A video of pictures at these thousandths of a second, with a click 0.25 s after its sound begins."""
    samples = clicks(48_000, 2, [0.25])
    with av.open(str(path), "w", format="matroska") as container:
        video = container.add_stream("libx264", rate=30)
        video.width = video.height = 32
        video.time_base = video.codec_context.time_base = Fraction(1, 1000)
        audio = container.add_stream("pcm_s16le", rate=48_000, layout="stereo")
        for tick in picture_ticks:
            picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))
            picture.pts, picture.time_base = tick, Fraction(1, 1000)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        for start in range(0, 96_000, 960):
            block = (samples[:, start : start + 960].T * 32767).astype(np.int16).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="s16", layout="stereo")
            frame.sample_rate, frame.time_base = 48_000, Fraction(1, 48_000)
            frame.pts = start + int(sound_from * 48_000)
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    return path


def test_the_sound_of_a_video_keeps_its_place_beside_pictures_of_varying_length(folder):
    path = film(folder / "late.mkv", sound_from=Fraction(1, 2), picture_ticks=[0, 7, 90, 500, 501, 1900])
    assert peak_near(SoundReader(path, "a").read(60_000), 36_000) == 0


def test_a_gap_in_the_sound_is_silence(folder):
    path = write(folder / "gap.mkv", clicks(48_000, 6, [0.5, 5.5]), 48_000, kind="matroska", codec="pcm_s16le")
    with av.open(str(path)) as source, av.open(str(folder / "cut.mkv"), "w") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.pts is not None and not 2000 <= packet.pts < 3000:
                packet.stream = stream
                target.mux(packet)
    heard = SoundReader(folder / "cut.mkv", "a").read(6 * 48_000)
    assert peak_near(heard, 24_000) == 0
    assert abs(peak_near(heard, 5 * 48_000 + 24_000)) <= 24  # milliseconds are the unit of its times


def test_a_header_that_lies_about_the_length_is_not_believed(folder):
    path = write(folder / "lies.wav", clicks(48_000, 3, [2.5]), 48_000)
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    for said in (0xFFFF_FFFF, 10_000_000, 0):
        data[place : place + 4] = said.to_bytes(4, "little")
        path.write_bytes(data)
        reader = SoundReader(path, "a")
        assert reader.length() == 3 * 48_000
        reader.seek(120_000 - 100)
        assert peak_near(reader.read(200), 100, 100) == 0


def test_a_truncated_file_is_heard_as_far_as_it_goes(folder):
    path = write(folder / "whole.mp3", tone(44_100, 4), 44_100, kind="mp3", codec="libmp3lame")
    short = folder / "short.mp3"
    short.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert SoundReader(short, "a").length() == pytest.approx(2 * 44_100, rel=0.05)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty"),
        (b"\n<!DOCTYPE html><title>404</title>", "it is an HTML page"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/hostname\n", "it is a text"),
        (b"ffconcat version 1.0\nfile /etc/hostname\n", "it is of no format of sound"),
        (bytes(range(256)) * 64, "Invalid data"),
    ],
)
def test_what_is_no_sound_is_named(tmp_path, content, says):
    path = tmp_path / "music.mp3"
    path.write_bytes(content)
    with pytest.raises(SoundUnusable, match=rf"^music\.mp3 is no sound that can be read.*{says}"):
        SoundReader(path, "music.mp3")


def test_a_file_without_sound_is_named(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=30)
        video.width = video.height = 32
        container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))))
        container.mux(video.encode(None))
    with pytest.raises(SoundUnusable, match=r"a\.mp4 holds no sound"):
        SoundReader(path, "a.mp4")


def test_frames_that_are_not_like_the_first_are_left_out(folder):
    """A damaged header claims other channels or rates, and what is behind them is no memory of the decoder's."""
    parts = [
        write(folder / f"{len(channels)}-{rate}.aac", channels, rate, kind="adts", codec="aac")
        for rate, channels in ((48_000, tone(48_000, 1, channels=2)), (48_000, tone(48_000, 1, channels=6)),
                               (22_050, tone(22_050, 1, channels=2)))
    ]  # fmt: skip
    path = folder / "changing.aac"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    reader = SoundReader(path, "a")
    assert np.abs(reader.read(40_000)).max() > 0.4
    assert np.abs(reader.read(10 * 48_000)[24_000:]).max(initial=0) < 0.01
    assert reader.damaged > 10


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_what_is_no_sample_is_bounded(folder, value):
    samples = tone(48_000, 1, channels=2)
    samples[:, 1000] = value
    heard = SoundReader(write(folder / f"{value}.wav", samples, 48_000), "a").read(48_000)
    assert np.isfinite(heard).all()
    assert np.abs(heard).max() <= 64
    assert np.array_equal(heard[1001:], samples[:, 1001:].T)
