"""RenderJobs: what the models take, and the request that comes of it."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from helios_crds.durations import parse_duration
from helios_crds.mapping import UnusableSpec, render_request, request_of
from helios_crds.renderjob import MAX_INLINE, RenderJobSpec
from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.request import AudioTrackRequest, RenderRequest

OUTPUT = "s3://media/out/teaser.mp4"


JOB_SPEC = {"url": "s3://media/jobs/a/job.json", "sha256": "ab" * 32}


def spec(**fields: object) -> RenderJobSpec:
    return RenderJobSpec.model_validate({"composition": {"url": "s3://media/teaser/"}, **fields})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("1h30m", 5400), ("250ms", 0.25), ("2.5s", 2.5), ("1m5s", 65), ("1m250ms", 60.25)],
)
def test_durations(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "-5m", "1 week", "P1D", "1m2h", "٣s"])
def test_no_durations(text):
    with pytest.raises(ValueError, match="not a valid duration"):
        parse_duration(text)


@pytest.mark.parametrize("field", [{"duration": "0s"}, {"fps": "29.97"}, {"fps": 241}, {"width": 1}, {"nonsense": 1}])
def test_what_is_refused(field):
    with pytest.raises(ValidationError):
        spec(video=field)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"composition": {"url": "teaser"}}, "must be a URL that begins with"),
        ({"composition": {"url": "https://user:secret@host/"}}, "without a password"),
        ({"composition": {"inline": "<p>", "entry": "../index.html"}}, "must be a path within the composition"),
        ({"composition": {"inline": "\N{CLAPPER BOARD}" * 32769}}, "more than 131072 bytes"),
        ({"composition": {"configMap": {"name": "a\n"}}}, "must be a name of lower-case letters"),
        ({"artifacts": {"url": "http://host/"}}, "must be the URL of a bucket or folder"),
        ({"output": {"url": "s3://media/out/"}}, "must name a file"),
        ({"video": {"preset": "nonsense"}}, "ultrafast"),
        ({"video": {"duration": "123456h"}}, "not a valid duration"),
    ],
)
def test_refusals_say_what_to_write(fields, says):
    with pytest.raises(ValidationError, match=says):
        spec(**fields)


def film_request(**fields: Any) -> RenderRequest:
    return render_request(spec(**fields), OUTPUT)


def test_a_page_may_fill_its_128_kibibytes():
    page = "\N{CLAPPER BOARD}" * (MAX_INLINE // 4)
    assert film_request(composition={"inline": page}).composition.props is None


def test_the_request_is_the_command_lines():
    request = film_request(
        composition={"url": "s3://media/teaser/", "entry": "a.html", "props": {"title": "Autumn"}, "seed": 7},
        video={"width": 1920, "height": 1080, "fps": "30000/1001", "duration": "1m30s", "crf": 20},
        chunking={"targetDuration": "60s"},
        execution={"frameTimeout": "5s"},
    )
    assert (request.composition.url, request.composition.entry) == ("s3://media/teaser/", "a.html")
    assert (request.composition.props, request.composition.seed) == ({"title": "Autumn"}, 7)
    assert (request.video.fps, request.video.duration, request.video.crf) == ("30000/1001", 90.0, 20)
    assert (request.chunking.targetSeconds, request.frameTimeout, request.output) == (60.0, 5.0, OUTPUT)


def test_an_inline_page_is_found_in_a_folder():
    request = film_request(composition={"inline": "<p>"})
    assert (request.composition.url, request.composition.entry) == ("file:///helios/composition", "index.html")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"composition": {"inline": "ä" * (MAX_INLINE // 2), "props": {"a": 1}}}, "CompositionTooLarge"),
        ({"composition": {"inline": "x", "props": {"a": "x" * MAX_INLINE}}}, "CompositionTooLarge"),
        ({"composition": {"jobSpec": JOB_SPEC}, "video": {"fps": 30}}, "JobSpecIsPlanned"),
        ({"composition": {"jobSpec": JOB_SPEC}, "chunking": {"count": 3}}, "JobSpecIsPlanned"),
        ({"audio": {"bitrate": "9999k"}}, "InvalidSpec"),
        ({"audio": {"loudness": "-4 LUFS"}}, "InvalidSpec"),
        ({"audio": {"tracks": [{"url": "s3://media/a.wav" + "a" * 2000}] * 40}}, "TooManyTracks"),
    ],
)
def test_what_the_schema_cannot_refuse(fields, reason):
    with pytest.raises(UnusableSpec) as error:
        request_of(spec(**fields), OUTPUT)
    assert error.value.reason == reason


def test_sound_is_asked_for_as_the_command_line_does():
    tracks = [
        {"url": "s3://media/a.wav"},
        {"url": "https://films.example/b.mp3", "start": "1m30s", "trim": "500ms", "duration": "10s", "gainDb": -6,
         "fadeIn": "1s", "fadeOut": "2.5s", "loop": True},
    ]  # fmt: skip
    audio = render_request(spec(audio={"bitrate": "256k", "loudness": "-14 LUFS", "tracks": tracks}), OUTPUT).audio
    assert (audio.codec, audio.bitrate, audio.loudness) == ("aac", 256, -14.0)
    assert audio.tracks == (
        AudioTrackRequest(url="s3://media/a.wav"),
        AudioTrackRequest(url="https://films.example/b.mp3", start=90, trim=0.5, duration=10, gainDb=-6, fadeIn=1,
                          fadeOut=2.5, loop=True),
    )  # fmt: skip


def test_a_film_without_asked_sound_has_the_request_that_it_had():
    request = request_of(spec(audio={"codec": "aac"}), OUTPUT)
    assert "audio" not in request.model_dump(mode="json")
    assert request_of(spec(audio={"codec": "none"}), OUTPUT).model_dump(mode="json")["audio"]["codec"] == "none"


def test_a_target_is_read_as_it_is_written():
    target = RenderTargetSpec.model_validate({"lambda": {"functionName": "helios", "region": "eu-west-1"}})
    assert target.aws_lambda is not None
    assert target.allowedNamespaces == ["*"]


def test_privileges_cannot_be_asked_for():
    with pytest.raises(ValidationError):
        RenderTargetSpec.model_validate({"kubernetes": {"pod": {"securityContext": {"privileged": True}}}})
