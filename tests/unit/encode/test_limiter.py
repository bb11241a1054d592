"""The limiter: nothing below -1 dBTP is touched, nothing above it is left, however the mix is divided."""

import numpy as np
import pytest

from helios_worker.encode.audio.limiter import CEILING, Limiter
from helios_worker.encode.audio.loudness import LoudnessMeter

RATE = 48_000


def limited(samples, block=RATE):
    limiter = Limiter()
    blocks = [samples[start : start + block] for start in range(0, len(samples), block)]
    return np.concatenate(list(limiter.blocks(blocks))), limiter


def sine(seconds, level, hertz=997.0, phase=0.0):
    wave = level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE + phase)
    return np.stack([wave, wave], 1).astype(np.float32)


def true_peak(samples):
    """By a transform that is zero-padded to eight times the rate, another way than the limiter's."""
    spectrum = np.fft.rfft(samples[:, 0].astype(np.float64))
    return np.abs(np.fft.irfft(spectrum, 8 * len(samples))).max() * 8


@pytest.mark.parametrize("length", [1, 63, 64, 1000, 100_001])
def test_what_is_below_the_ceiling_passes_as_it_is(length):
    samples = sine(3, 0.6)[:length]  # where it is cut off, its curve goes 3 dB higher
    passed, limiter = limited(samples)
    assert np.array_equal(passed, samples)
    assert (limiter.limited, limiter.deepest) == (0, 1.0)


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(sine(2, 3.0), id="far above"),
        # Its samples lie at 0.71 of the curve's peak.
        pytest.param(sine(2, 1.2, hertz=12_000, phase=np.pi / 4), id="between samples"),
        pytest.param(np.concatenate([sine(0.5, 0.1), sine(0.01, 2.0), sine(1, 0.1)]), id="a burst"),
    ],
)
def test_true_peaks_stay_below_minus_one(samples):
    passed, limiter = limited(samples)
    assert limiter.limited > 0
    assert true_peak(passed) < CEILING * 10 ** (0.3 / 20)


def test_only_what_is_near_a_peak_is_turned_down():
    samples = np.concatenate([sine(1, 0.5), sine(0.1, 1.5), sine(5, 0.5)])
    passed, limiter = limited(samples)
    assert np.array_equal(passed[: RATE - 512], samples[: RATE - 512])
    assert np.array_equal(passed[-RATE:], samples[-RATE:])
    assert 0.1 * RATE < limiter.limited < 2 * RATE


def test_blocks_cannot_be_heard():
    samples = np.random.default_rng(1).normal(0, 0.5, (RATE, 2)).astype(np.float32)
    whole, limiter = limited(samples)
    assert limiter.limited > RATE / 2
    for block in (64, 1000, 4801):
        assert np.array_equal(limited(samples, block)[0], whole)


def test_loudness_is_that_of_the_standard():
    meter = LoudnessMeter()
    for _ in meter.through([sine(5, 10 ** (-20 / 20))]):
        pass
    assert meter.integrated == pytest.approx(-20.0, abs=0.1)  # EBU Tech 3341: a stereo sine of 1 kHz
    quiet = LoudnessMeter()
    list(quiet.through([sine(1, 0.0)]))
    assert quiet.integrated is None
