"""A film whose sound is not that of its mix does not pass."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from helios_worker.encode.audio.encoder import encode_sound
from helios_worker.encode.audio.levels import write_levels
from helios_worker.encode.audio.sound_plan import SoundEncoding
from helios_worker.encode.film.concat import concatenate
from helios_worker.encode.proof.expected_sound import ExpectedSound
from helios_worker.encode.proof.verify import verify_video
from tests.unit.encode.builders import segments, settings, units
from tests.unit.encode.sounds import Stereo, tone

RATE = 48_000
FRAMES = 72


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Stereo], Path]:
    """A maker of films of 2.4 s with this sound."""
    folder, made = tmp_path_factory.mktemp("films"), settings()
    paths, frames = segments(folder, made, units(made, FRAMES), [12])

    def make(sound: Stereo) -> Path:
        encode_sound([sound], folder / "sound.mp4", SoundEncoding())
        concatenate(paths, folder / "film.mp4", made, expected=frames, audio=folder / "sound.mp4")
        return folder / "film.mp4"

    return make


def mix() -> Stereo:
    """A tone, silence, noise."""
    samples = np.repeat(tone(RATE, 2.4).T, 2, axis=1)
    samples[RATE // 2 : RATE] = 0
    samples[RATE : 2 * RATE] = np.random.default_rng(1).normal(0, 0.05, (RATE, 2))
    return samples


def expected(samples: Stereo, folder: Path) -> ExpectedSound:
    with (folder / "levels").open("wb") as file:
        for _ in write_levels([samples[:50_000], samples[50_000:]], file):
            pass
    return ExpectedSound(len(samples), folder / "levels", float(np.abs(samples).max()))


def problems(film: Callable[[Stereo], Path], sound: Stereo, folder: Path) -> tuple[str, ...]:
    return verify_video(film(sound), frames=FRAMES, decode=False, sound=expected(mix(), folder)).problems


def test_the_sound_of_the_mix_passes(film, tmp_path):
    assert problems(film, mix(), tmp_path) == ()


def muted(samples: Stereo) -> Stereo:
    samples[:4800] = 0
    return samples


def loud(samples: Stereo) -> Stereo:
    samples[30_000:40_000] = 0.01
    return samples


def late(samples: Stereo) -> Stereo:
    return np.roll(samples, 9600, axis=0)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (muted, "the audio is not what was mixed: at 0.0 s it has -"),
        (loud, "the audio is not what was mixed: at 0.6 s it has -41"),
        (late, "the audio is not what was mixed: at 0.6 s it has"),
        (lambda samples: samples * 0.4, "the audio is not what was mixed: at 0.0 s it has -17.0 dB, the mix -9.0 dB"),
        (lambda samples: samples * 1.9, "the audio peaks at 1.0"),
        (lambda samples: samples[:-9], "the audio has 115191 samples, the mix 115200"),
    ],
    ids=["silence", "sound", "late", "soft", "loud", "short"],
)
def test_another_sound_is_described(film, tmp_path, damage, says):
    found = problems(film, damage(mix()), tmp_path)
    assert any(problem.startswith(says) for problem in found), found


def test_a_film_without_the_sound_of_its_plan(film, tmp_path):
    path, made = tmp_path / "silent.mp4", settings()
    paths, frames = segments(tmp_path, made, units(made, 12), [2])
    concatenate(paths, path, made, expected=frames)
    report = verify_video(path, decode=False, sound=expected(mix(), tmp_path))
    assert report.problems == ("there is no audio",)
