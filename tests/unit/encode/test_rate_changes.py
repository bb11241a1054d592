"""A sound whose rate changes: one voice, each sample at its own position, and nothing is heard of the changes."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from helios_worker.encode.audio import mixer
from helios_worker.encode.audio.mixer import Heard, Mixer
from helios_worker.encode.audio.reader import SoundReader
from helios_worker.encode.audio.sound_plan import Loop, Piece, RateCurve
from tests.unit.encode.sounds import clicks, mixed, peak_near, plan_of, tone, write

RATE = 48_000
FRAME = Fraction(1, 30)
SECONDS = 5
OWN = 0.5 * 2 * np.pi * 440 / RATE
"""The largest step between two samples of a sine of 440 Hz at half of full scale."""

Rates = Callable[[int], float]
"""The rate in a frame."""

ENVELOPES: dict[str, Rates] = {
    "glide": lambda frame: 0.5 + frame / 100,
    "vibrato": lambda frame: 1 + 0.3 * np.sin(frame / 6),
    "steps": lambda frame: (0.5, 2, 1, 4, 0.25)[frame % 5],
    "to a stop": lambda frame: max(0.0625, 1 - frame / 140),
    "from a crawl": lambda frame: 0.0625 + frame / 200,
    "to sixteen": lambda frame: 1 + frame / 10,
    "once": lambda frame: 1 if frame < 70 else 1.25,
}


def piece(rates: Rates, *, start: Fraction = Fraction(0), keeps_pitch: bool = False, **more: object) -> Piece:
    """A piece with these rates from frame to frame, from `start` to the film's end."""
    length = int(SECONDS / FRAME)
    points = [(frame, round(rates(frame) * 10**6)) for frame in range(length) if frame * FRAME > start]
    return Piece.model_validate(
        {
            "source": 0,
            "start": start,
            "duration": SECONDS - start,
            "rate": Fraction(round(rates(0) * 10**6), 10**6),
            "rates": RateCurve(tick=FRAME, points=tuple(points)),
            "preservesPitch": keeps_pitch,
            **more,
        }
    )


def positions(rates: Rates) -> NDArray[np.float64]:
    """The seconds of the source that are reached at each sample of the film."""
    each = np.repeat([round(rates(frame), 6) for frame in range(int(SECONDS / FRAME))], int(FRAME * RATE))
    return np.concatenate([[0], np.cumsum(each)[:-1]]) / RATE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sounds")


@pytest.fixture(scope="module", params=[44_100, 48_000, 96_000])
def sine(request: pytest.FixtureRequest, folder: Path) -> Path:
    return write(folder / f"sine-{request.param}.wav", tone(request.param, 50), request.param)


@pytest.mark.parametrize("name", ENVELOPES)
def test_a_sine_is_the_sine_at_each_position(sine, name):
    rates = ENVELOPES[name]
    heard = mixed([sine], piece(rates), seconds=SECONDS)[:, 0]
    wanted = 0.5 * np.sin(2 * np.pi * 440 * positions(rates))
    inside = slice(RATE // 10, -RATE // 10)
    assert np.abs(heard - wanted)[inside].max() < 1e-5
    fastest = max(rates(frame) for frame in range(int(SECONDS / FRAME)))
    assert np.abs(np.diff(heard[inside])).max() < OWN * fastest * 1.001


@pytest.mark.parametrize("name", ENVELOPES)
def test_a_sine_with_its_pitch_kept_has_no_step_above_its_own(sine, name):
    heard = mixed([sine], piece(ENVELOPES[name], keeps_pitch=True), seconds=SECONDS)[RATE // 10 : -RATE // 10, 0]
    assert np.abs(np.diff(heard)).max() < OWN * 1.005
    levels = np.square(heard[: len(heard) // 4800 * 4800]).reshape(-1, 4800).mean(axis=1) ** 0.5
    assert np.abs(levels * 2**0.5 / 0.5 - 1).max() < 0.01
    for begin in range(0, len(heard) - RATE // 5, RATE // 10):
        assert np.abs(np.fft.rfft(heard[begin:][: RATE // 5] * np.hanning(RATE // 5))).argmax() == 88  # 440 Hz


@pytest.mark.parametrize("name", ["glide", "vibrato", "once"])
def test_clicks_are_where_their_positions_are_reached(folder, name):
    path = write(folder / "clicks.wav", clicks(44_100, 12, [1, 2.5, 3]), 44_100)
    heard = mixed([path], piece(ENVELOPES[name]), seconds=SECONDS)
    reached = positions(ENVELOPES[name])
    assert [abs(peak_near(heard, int(np.searchsorted(reached, at)))) <= 2 for at in (1, 2.5, 3)] == [True] * 3


@pytest.mark.parametrize("name", ["glide", "vibrato", "once"])
def test_bursts_with_their_pitch_kept_are_within_10_ms(folder, name):
    starts, reached = (0.5, 1.3, 2.2, 3.4), positions(ENVELOPES[name])
    samples = tone(RATE, 12)
    inside = np.zeros(samples.shape[1], bool)
    for start in starts:
        begin, end = (int(reached[int(time * RATE)] * RATE) for time in (start, start + 0.2))
        inside[begin:end] = True
    path = write(folder / "bursts.wav", samples * inside, RATE)
    heard = mixed([path], piece(ENVELOPES[name], keeps_pitch=True), seconds=SECONDS)[:, 0]
    level = np.convolve(np.abs(heard), np.ones(240) / 240, "same")
    for start in starts:
        near = level[round(start * RATE) - 4800 :][:19_200]
        loud = np.flatnonzero(near > near.max() / 2)
        assert abs(loud[0] - 4800) <= 480
        assert abs(loud[-1] - 14_400) <= 480


@pytest.mark.parametrize("keeps_pitch", [False, True])
def test_what_is_heard_does_not_depend_on_blocks(sine, keeps_pitch):
    part = piece(ENVELOPES["vibrato"], keeps_pitch=keeps_pitch, start=Fraction(1, 7), position=Fraction(1, 3))
    found = {mixed([sine], part, seconds=SECONDS, block=block).tobytes() for block in (48_000, 1_601, 192_000)}
    assert len(found) == 1


def test_a_part_of_a_film_sounds_as_it_does_in_the_whole(sine):
    whole = mixed([sine], piece(ENVELOPES["glide"]), seconds=SECONDS)
    part = mixed([sine], piece(ENVELOPES["glide"]), first=60, end=120)
    assert np.array_equal(part, whole[2 * RATE : 4 * RATE])


@pytest.mark.parametrize("keeps_pitch", [False, True])
def test_a_loop_has_no_seam(sine, keeps_pitch):
    loop = Loop(start=Fraction(1, 2), end=Fraction(3, 2))
    heard = mixed([sine], piece(ENVELOPES["vibrato"], keeps_pitch=keeps_pitch, loop=loop), seconds=SECONDS)[:, 0]
    inside = heard[RATE // 10 : -RATE // 10]
    assert np.abs(np.diff(inside)).max() < OWN * (1.005 if keeps_pitch else 1.301)
    assert np.sqrt(np.mean(inside**2)) == pytest.approx(0.5 / 2**0.5, rel=0.01)


def test_what_would_fold_is_not_heard(folder):
    path = write(folder / "high.wav", tone(RATE, 15, 15_000), RATE)
    heard = mixed([path], piece(lambda frame: 2 + frame / 1000), seconds=SECONDS)
    assert np.abs(heard[RATE // 10 :]).max() < 0.5 * 10 ** (-90 / 20)


@pytest.mark.parametrize("keeps_pitch", [False, True])
def test_the_file_is_opened_once_and_its_end_is_told(folder, monkeypatch, keeps_pitch):
    path, opened = write(folder / "short.wav", tone(RATE, 2), RATE), []

    class Counting(SoundReader):
        def __init__(self, *arguments: object) -> None:
            opened.append(arguments)
            super().__init__(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(mixer, "SoundReader", Counting)
    part = piece(ENVELOPES["glide"], keeps_pitch=keeps_pitch)
    mixing = Mixer(plan_of([path], part, seconds=SECONDS).score([path]))
    assert sum(map(len, mixing.blocks())) == SECONDS * RATE
    assert len(opened) == 1
    heard = mixing.heard[0]
    assert heard == Heard(seconds=Fraction(SECONDS), ends=heard.ends, silent=False)
    reached = np.searchsorted(positions(ENVELOPES["glide"]), 2) / RATE
    assert heard.ends is not None
    assert float(heard.ends) == pytest.approx(reached, abs=1e-3)
