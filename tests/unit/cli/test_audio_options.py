"""--audio and its parts, as people write them."""

import pytest

from helios_worker.errors import UserError
from heliosctl.arguments.audio import read_audio, read_track
from heliosctl.arguments.options import AudioOptions, FilmOptions, PageOptions
from heliosctl.arguments.request import build_request


@pytest.fixture
def song(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("song.mp3", "a,b.wav", "loop,gain=3.wav"):
        (tmp_path / name).write_bytes(b"x")
    return str(tmp_path / "song.mp3")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("song.mp3", {}),
        ("song.mp3,start=2s", {"start": 2}),
        ("song.mp3,start=1:30,gain=-6", {"start": 90, "gainDb": -6}),
        ("song.mp3,gain=-6dB,loop", {"gainDb": -6, "loop": True}),
        ("song.mp3, gain=+1.5 dB, loop=no", {"gainDb": 1.5, "loop": False}),
        (
            "song.mp3,trim=500ms,duration=10s,fade-in=1s,fade-out=2.5s",
            {"trim": 0.5, "duration": 10, "fadeIn": 1, "fadeOut": 2.5},
        ),
    ],
)
def test_parts_of_a_track(song, text, parts):
    assert read_track(text) == {"url": song, **parts}


@pytest.mark.parametrize(
    ("text", "url", "parts"),
    [
        ("a,b.wav", "a,b.wav", {}),
        ("a,b.wav,gain=3", "a,b.wav", {"gainDb": 3}),
        ("loop,gain=3.wav", "loop,gain=3.wav", {}),
        ("file://{folder}/song.mp3,loop", "song.mp3", {"loop": True}),
        ("s3://media/a,b.wav,gain=3", None, {"gainDb": 3}),
        ("https://films.example/a.mp3?x=1,2,start=2s", None, {"start": 2}),
    ],
)
def test_names_with_commas_and_addresses(song, text, url, parts):
    folder = song.removesuffix("/song.mp3")
    wanted = text.rpartition(",")[0] if url is None else f"{folder}/{url}"
    assert read_track(text.format(folder=folder)) == {"url": wanted, **parts}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("none.mp3", "none.mp3 was not found"),
        (",start=2s", "names no file"),
        (".", "is a folder"),
        ("song.mp3,volume=2", "volume=2 is none of start, trim, duration, gain, fade-in, fade-out, loop"),
        ("song.mp3,start=2", "start=2 has no unit; write start=2s"),
        ("song.mp3,start=-1s", "start=-1s is negative"),
        ("song.mp3,start=2s,start=3s", "says start twice"),
        ("song.mp3,gain=loud", "gain=loud is no number of decibels"),
        ("song.mp3,gain=200", "a gain is from -120 to 60 dB"),
        ("song.mp3,loop=maybe", "neither true nor false"),
        ("song.mp3,start", "is not a valid time"),
    ],
)
def test_each_mistake_is_named(song, text, says):
    with pytest.raises(UserError) as error:
        read_track(text)
    assert says in str(error.value)


def test_300_tracks(song):
    assert len(read_audio(AudioOptions(audio=["song.mp3,gain=-30"] * 300))["tracks"]) == 300


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (AudioOptions(no_audio=True, audio=["song.mp3"]), "--audio would be ignored with --no-audio"),
        (AudioOptions(no_audio=True, loudness="-14"), "--loudness would be ignored with --no-audio"),
        (AudioOptions(audio_bitrate="192"), "--audio-bitrate 192 is not a bit rate from 32k to 512k"),
        (AudioOptions(audio_bitrate="1000k"), "not a bit rate from 32k to 512k"),
        (AudioOptions(loudness="loud"), "--loudness loud is no loudness"),
        (AudioOptions(loudness="-3"), "--loudness -3"),
        (AudioOptions(audio=["song.mp3"] * 321), "--audio"),
    ],
)
def test_options_that_cannot_be(song, options, says):
    with pytest.raises(UserError) as error:
        build_request("page.html", FilmOptions(), PageOptions(), audio=options)
    assert says in str(error.value)


def test_what_the_request_says():
    asked = AudioOptions(audio_codec="opus", audio_bitrate="96000", loudness="-16 LUFS")
    assert read_audio(asked) == {"codec": "opus", "bitrate": 96, "loudness": -16.0, "tracks": []}
    assert read_audio(AudioOptions(no_audio=True)) == {"codec": "none"}
    request = build_request("page.html", FilmOptions(), PageOptions())
    assert "audio" not in request.model_dump()
