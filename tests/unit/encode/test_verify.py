from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from helios_worker.encode.film.concat import concatenate
from helios_worker.encode.proof.tracks import MAX_PROBLEMS
from helios_worker.encode.proof.verify import verify_video
from helios_worker.errors import CorruptArtifact, UserError
from tests.unit.encode.builders import HEIGHT, WIDTH, even_groups, segments, settings, units
from tests.unit.encode.test_audio_copy import clicks

FRAMES = 30
FPS = Fraction(30)


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    made = settings()
    paths, frames = segments(folder, made, units(made, FRAMES), [2, 3])
    output: Path = folder / "film.mp4"
    concatenate(paths, output, made, expected=frames, audio=clicks(folder / "a.m4a", Fraction(1), [9]))
    return output


Edit = Callable[[int, "av.Packet[av.VideoStream]"], bool]


def remux(source: Path, target: Path, edit: Edit, *, audio: bool = False) -> Path:
    """Copy a film packet by packet, as other tools do. edit: changes a video packet; False drops it."""
    with av.open(str(source)) as file, av.open(str(target), "w") as sink:
        streams = {
            stream.index: sink.add_stream_from_template(stream, opaque=True)
            for stream in file.streams
            if audio or stream.type == "video"
        }
        index = 0
        for packet in file.demux([file.streams[i] for i in streams]):
            if not packet.size:
                continue
            if packet.stream.type == "video":
                kept = edit(index, packet)  # type: ignore[arg-type]
                index += 1
                if not kept:
                    continue
            packet.stream = streams[packet.stream_index]
            sink.mux_one(packet)
    return target


@pytest.mark.parametrize("threads", [1, 2])
def test_a_sound_film_has_no_problems(film, threads):
    report = verify_video(film, frames=FRAMES, fps=FPS, width=WIDTH, height=HEIGHT, threads=threads)
    assert report.ok
    assert report.problems == ()
    assert (report.codec, report.width, report.height, report.fps) == ("h264", WIDTH, HEIGHT, FPS)
    assert (report.frames, report.keyframes, report.duration) == (FRAMES, 5, 1.0)
    assert (report.faststart, report.decoded, report.pixel_format) == (True, True, "yuv420p")
    assert set(report.color.model_dump().values()) == {1}
    assert report.audio is not None
    assert (report.audio.codec, report.audio.sample_rate, report.audio.channels) == ("aac", 48_000, 2)
    assert type(report).model_validate_json(report.model_dump_json()) == report


@pytest.mark.parametrize("fps", ["1/10", "1", "12", "24000/1001", "60000/1001", "120", "1000", "999999/1000"])
@pytest.mark.parametrize("length", [1, 2, 14])
def test_any_length_at_any_rate(tmp_path, fps, length):
    made = settings(fps=fps)
    paths, frames = segments(tmp_path, made, units(made, length), even_groups(-(-length // 6), 1))
    concatenate(paths, tmp_path / "film.mp4", made, expected=frames)
    report = verify_video(tmp_path / "film.mp4", frames=length, fps=made.fps)
    assert report.ok, report.problems
    assert report.duration == float(length / made.fps)


def test_without_decoding_it_counts_packets(film):
    report = verify_video(film, frames=FRAMES, decode=False)
    assert (report.ok, report.frames, report.decoded) == (True, FRAMES, False)


def test_what_was_asked_for_is_compared(film):
    report = verify_video(film, frames=31, fps=Fraction(25), width=98, height=66)
    assert report.problems == ("width 96, not 98", "height 64, not 66", "fps 30, not 25", "30 frames, not 31")


@pytest.mark.parametrize("decode", [True, False])
def test_a_lost_frame_is_named_once(film, tmp_path, decode):
    cut = remux(film, tmp_path / "cut.mp4", lambda index, _: index != 11)
    problems = verify_video(cut, fps=FPS, decode=decode).problems
    assert problems[0] == "frame 11 (0.367 s) missing"
    assert not [problem for problem in problems if "off the frame grid" in problem]


@pytest.mark.parametrize("decode", [True, False])
def test_a_hole_is_named(film, tmp_path, decode):
    def shift(index, packet):
        if index >= 12:
            packet.pts += 3 * 512
            packet.dts += 3 * 512
        return True

    problems = verify_video(remux(film, tmp_path / "hole.mp4", shift), fps=FPS, decode=decode).problems
    assert problems[0] == "frames 12 to 14 (0.400 s) missing"


def test_a_frame_off_the_grid_is_named(film, tmp_path):
    def nudge(index, packet):
        if index == 24:
            packet.pts += 100
        return True

    problems = verify_video(remux(film, tmp_path / "off.mp4", nudge), fps=FPS).problems
    assert "frame 24 (0.800 s) is shown off the frame grid" in problems


def test_problems_are_bounded(film, tmp_path):
    report = verify_video(remux(film, tmp_path / "many.mp4", lambda index, _: index % 6 == 0))
    assert 0 < len(report.problems) <= MAX_PROBLEMS + 1


@pytest.mark.parametrize("container", ["mkv", "mp4", "mov"])
def test_other_containers(film, tmp_path, container):
    path = remux(film, tmp_path / f"film.{container}", lambda *_: True, audio=container != "mkv")
    report = verify_video(path, fps=FPS)
    assert report.ok, report.problems
    assert report.faststart is (None if container == "mkv" else False)


def test_audio_that_ends_early_is_named(tmp_path):
    made = settings()
    paths, frames = segments(tmp_path, made, units(made, FRAMES), [5])
    audio = clicks(tmp_path / "a.m4a", Fraction(9, 10), [9])
    concatenate(paths, tmp_path / "film.mp4", made, expected=frames, audio=audio)
    assert verify_video(tmp_path / "film.mp4").problems == ("the audio ends at 0.900 s, the video at 1.000 s",)


def test_a_damaged_picture_is_named(film, tmp_path):
    with av.open(str(film)) as container:
        packet = [p for p in container.demux(video=0) if p.size][8]
    assert packet.pos is not None
    data = bytearray(film.read_bytes())
    middle = packet.pos + packet.size // 2
    data[middle : middle + 8] = bytes(8)
    (tmp_path / "bad.mp4").write_bytes(data)
    assert verify_video(tmp_path / "bad.mp4", decode=False).ok
    report = verify_video(tmp_path / "bad.mp4")
    assert report.frames < FRAMES
    assert any("not decoded" in problem for problem in report.problems)
    assert any(problem.startswith("the decoder says") for problem in report.problems)


@pytest.mark.parametrize("share", [0.5, 0.8, 0.99])
def test_a_cut_film_is_named(film, tmp_path, share):
    data = film.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: int(len(data) * share)])
    problems = verify_video(tmp_path / "cut.mp4").problems
    assert any(problem.startswith("the file has") for problem in problems)
    if share < 0.9:
        assert any("missing" in problem for problem in problems)


def test_what_is_no_film_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"there is no file .*none\.mp4"):
        verify_video(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("not found")
    with pytest.raises(CorruptArtifact, match=r"text\.mp4 is not a readable video"):
        verify_video(tmp_path / "text.mp4")
    clicks(tmp_path / "a.m4a", Fraction(1), [9])
    with pytest.raises(CorruptArtifact, match="holds no video"):
        verify_video(tmp_path / "a.m4a")


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "bmp", "tiff"])
def test_a_picture_is_no_film_whatever_it_is_called(tmp_path, kind):
    picture = tmp_path / "film.mp4"
    Image.new("RGB", (32, 32)).save(picture, kind)
    with pytest.raises(UserError, match=rf"film\.mp4 is not a film: it is a picture \({kind}\)"):
        verify_video(picture)


def test_a_song_with_a_cover_is_no_film(tmp_path):
    song = tmp_path / "song.m4a"
    with av.open(str(song), "w", format="mp4") as container:
        sound, cover = container.add_stream("aac", 48000), container.add_stream("mjpeg")
        cover.width = cover.height = 32
        cover.pix_fmt = "yuvj420p"
        cover.disposition = Disposition.attached_pic
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 48000
        container.mux(sound.encode(silence))
        picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8)).reformat(format="yuvj420p")
        container.mux([*cover.encode(picture), *cover.encode(), *sound.encode()])
    with pytest.raises(UserError, match="sound with a cover picture"):
        verify_video(song)
