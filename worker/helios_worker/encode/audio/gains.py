"""How loud a part is at each sample of the mix."""

from bisect import bisect_left, bisect_right
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from helios_worker.encode.audio.samples import Samples
from helios_worker.encode.audio.score import SAMPLE_RATE, Curve, Part


class GainCurve:
    """A curve by samples of the film's time."""

    def __init__(self, curve: Curve) -> None:
        ticks = float(curve.tick * SAMPLE_RATE)
        self._times = [time * ticks for time, _ in curve.points]
        self._gains = [gain for _, gain in curve.points]

    def gains(self, first: int, count: int) -> "NDArray[np.float64] | float":
        """The gain at each of `count` samples from `first` on; one number where it does not change."""
        low = max(0, bisect_right(self._times, first) - 1)
        high = min(len(self._times), bisect_left(self._times, first + count) + 1)
        gains = self._gains[low:high]
        if min(gains) == max(gains):
            return gains[0]
        samples = np.arange(first, first + count, dtype=np.float64)
        return np.interp(samples, self._times[low:high], gains)


def with_gain(block: Samples, part: Part, curve: GainCurve | None, first: int) -> Samples:
    """A part's samples from `first` of the film on, as loud as its gain, envelope and fades say."""
    gain: NDArray[np.float64] | float = part.gain
    if curve is not None:
        gain = gain * curve.gains(first, len(block))
    for fade in (
        _ramp(part.fade_in, part.start, 1, first, len(block)),
        _ramp(part.fade_out, part.end, -1, first, len(block)),
    ):
        if fade is not None:
            gain = gain * fade
    if isinstance(gain, float):
        return block if gain == 1 else block * np.float32(gain)
    return block * gain.astype(np.float32)[:, np.newaxis]


def _ramp(length: Fraction, end: Fraction, sign: int, first: int, count: int) -> "NDArray[np.float64] | None":
    """A fade at one end of a part; None where it has no effect. sign: 1 from the end on, -1 up to it."""
    if length <= 0:
        return None
    samples = np.arange(first, first + count, dtype=np.float64)
    ramp = (samples - float(end * SAMPLE_RATE)) * (sign / float(length * SAMPLE_RATE))
    return None if min(ramp[0], ramp[-1]) >= 1 else np.clip(ramp, 0.0, 1.0)
