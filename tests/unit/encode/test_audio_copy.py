from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from helios_worker.encode.film.concat import concatenate
from helios_worker.encode.proof.verify import verify_video
from helios_worker.errors import CorruptArtifact
from tests.unit.encode.builders import segments, settings, shown_numbers, units

RATE = 48_000


def clicks(path: Path, seconds: Fraction, at: list[int], codec: str = "aac") -> Path:
    """An audio file of exactly `seconds` with a click at each sample of `at`."""
    samples = np.zeros((2, int(seconds * RATE)), np.float32)
    samples[:, at] = 0.9
    with av.open(str(path), "w", format="mp4") as sink:
        stream = sink.add_stream(codec, rate=RATE)
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = RATE, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            sink.mux(packet)
    return path


def heard(path: Path) -> list[int]:
    """Samples at which a player hears a click, from the film's time 0."""
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.audio[0]):
            assert frame.pts is not None
            loud = np.abs(frame.to_ndarray()[0]) > 0.4
            found += [frame.pts + int(i) for i in np.flatnonzero(loud)]
    return found


@pytest.fixture(params=["30", "30000/1001", "24"])
def film(request, tmp_path):
    made = settings(fps=request.param)
    encoded = units(made, 72)
    return made, encoded, Fraction(72) / made.fps, tmp_path


@pytest.mark.parametrize("sizes", [[12], [1, 10, 1]])
def test_clicks_are_where_they_were(film, sizes):
    made, encoded, seconds, folder = film
    at = [100, 1_000, int(seconds * RATE) // 2, int(seconds * RATE) - 400]
    audio = clicks(folder / "a.m4a", seconds, at)
    paths, frames = segments(folder, made, encoded, sizes)
    output = folder / "film.mp4"
    concatenate(paths, output, made, expected=frames, audio=audio)
    assert heard(output) == at
    assert shown_numbers(output) == list(range(72))
    report = verify_video(output, frames=72, fps=made.fps)
    assert report.ok, report.problems
    assert report.faststart
    assert report.audio is not None
    assert report.audio.start == 0
    assert report.audio.end == pytest.approx(float(seconds), abs=1 / RATE)


def test_grouping_cannot_be_seen_with_audio_either(film):
    made, encoded, seconds, folder = film
    audio = clicks(folder / "a.m4a", seconds, [500])
    films = []
    for sizes in ([12], [1] * 12, [5, 7]):
        part = folder / str(len(sizes))
        part.mkdir()
        paths, frames = segments(part, made, encoded, sizes)
        concatenate(paths, part / "film.mp4", made, expected=frames, audio=audio)
        films.append((part / "film.mp4").read_bytes())
    assert films[0] == films[1] == films[2]


def test_picture_and_sound_lie_side_by_side(tmp_path):
    """A player on a slow line must not wait for the sound of a picture it has."""
    made = settings()
    paths, frames = segments(tmp_path, made, units(made, 72), [12])
    audio = clicks(tmp_path / "a.m4a", Fraction(72, 30), [500])
    concatenate(paths, tmp_path / "film.mp4", made, expected=frames, audio=audio)
    with av.open(str(tmp_path / "film.mp4")) as container:
        # Not in the demuxer's order, which it mends itself, but where the packets are in the file.
        packets = sorted((p for p in container.demux() if p.size), key=lambda p: p.pos or 0)
        order = [(p.stream.type, (p.dts or 0) * p.time_base) for p in packets]
    at = {"video": Fraction(0), "audio": Fraction(0)}
    for kind, time in order:
        at[kind] = Fraction(time)
        assert abs(at["video"] - at["audio"]) < 1.1


@pytest.mark.parametrize("content", [b"", b"RIFF....WAVE", b"\0" * 5000])
def test_what_is_no_audio_is_named(tmp_path, content):
    made = settings()
    paths, frames = segments(tmp_path, made, units(made, 6), [1])
    (tmp_path / "a.m4a").write_bytes(content)
    with pytest.raises(CorruptArtifact, match=r"a\.m4a"):
        concatenate(paths, tmp_path / "film.mp4", made, expected=frames, audio=tmp_path / "a.m4a")
    assert not (tmp_path / "film.mp4").exists()


def test_a_video_is_no_audio(tmp_path):
    made = settings()
    paths, frames = segments(tmp_path, made, units(made, 6), [1])
    with pytest.raises(CorruptArtifact, match="holds no audio"):
        concatenate(paths, tmp_path / "film.mp4", made, expected=frames, audio=paths[0])
