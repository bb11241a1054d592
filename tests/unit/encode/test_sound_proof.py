"""A film whose sound is not that of its mix does not pass."""

from collections.abc import Callable
from dataclasses import replace
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
def film(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A maker of films of 2.4 s with this sound."""
    folder, made = tmp_path_factory.mktemp("films"), settings()
    paths, frames = segments(folder, made, units(made, FRAMES), [12])

    def make(sound: Stereo, encoding: SoundEncoding | None = None) -> Path:
        wanted = encoding or SoundEncoding()
        encode_sound([sound], folder / "sound.mp4", wanted.codec, wanted.bitrate)
        concatenate(paths, folder / "film.mp4", made, expected=frames, audio=folder / "sound.mp4")
        return folder / "film.mp4"

    return make


def mix() -> Stereo:
    """A tone, silence, noise."""
    samples = np.repeat(tone(RATE, 2.4).T, 2, axis=1)
    samples[RATE // 2 : RATE] = 0
    samples[RATE : 2 * RATE] = np.random.default_rng(1).normal(0, 0.05, (RATE, 2))
    return samples


def hard() -> Stereo:
    """What encoders leave out or overdo: noise and a tone above what they keep, a square, clicks, a sweep."""
    times = np.arange(round(2.4 * RATE)) / RATE
    parts = [
        np.diff(np.random.default_rng(1).normal(0, 0.1, RATE // 2 + 3), 3),
        0.5 * np.sin(2 * np.pi * 16_000 * times[: RATE // 2]),
        0.8 * np.sign(np.sin(2 * np.pi * 100.3 * times[: RATE // 2])),
        np.where(np.arange(RATE // 5) % 4801, 0, 0.9),
        0.8 * np.sin(2 * np.pi * (20 + 15_000 * times) * times)[: round(0.7 * RATE)],
    ]
    wave = np.concatenate(parts)[: len(times)].astype(np.float32)
    return np.stack([wave, wave], 1)


def expected(samples: Stereo, folder: Path) -> ExpectedSound:
    with (folder / "levels").open("wb") as file:
        for _ in write_levels([samples[:50_000], samples[50_000:]], file):
            pass
    return ExpectedSound(len(samples), folder / "levels", float(np.abs(samples).max()))


def problems(film: Callable[..., Path], sound: Stereo, folder: Path) -> tuple[str, ...]:
    return verify_video(film(sound), frames=FRAMES, decode=False, sound=expected(mix(), folder)).problems


def test_the_sound_of_the_mix_passes(film, tmp_path):
    assert problems(film, mix(), tmp_path) == ()


@pytest.mark.parametrize("codec", ["aac", "opus"])
@pytest.mark.parametrize("bitrate", [32, 64, 192])
def test_what_an_encoder_leaves_out_passes(film, tmp_path, codec, bitrate):
    sound = hard()
    wanted = expected(sound, tmp_path)
    path = film(sound, SoundEncoding(codec=codec, bitrate=bitrate))
    given = wanted if bitrate >= 64 else replace(wanted, peak=None)
    assert verify_video(path, frames=FRAMES, decode=False, sound=given).problems == ()


def muted(samples: Stereo) -> Stereo:
    samples[:4800] = 0
    return samples


def loud(samples: Stereo) -> Stereo:
    samples[30_000:40_000] = 0.1
    return samples


def late(samples: Stereo) -> Stereo:
    return np.roll(samples, 9600, axis=0)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (muted, "the audio is not what was mixed: at 0.0 s it has -"),
        (loud, "the audio is not what was mixed: at 0.6 s it has -2"),
        (late, "the audio is not what was mixed: at 0.6 s it has"),
        (lambda samples: samples * 0.4, "the audio is not what was mixed: at 0.0 s it has -17.1 dB, the mix -9.1 dB"),
        (lambda samples: samples * 5, "the audio peaks at 2."),
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
