"""Which position of its source a part has reached at each sample of the mix, where its rate changes."""

from bisect import bisect_right
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from helios_worker.encode.audio.score import MILLIONTH, SAMPLE_RATE, Part, Turns


class RatePath:
    """A part's positions: a line for each rate, each from where the one before ends, without a jump.

    Positions are counted in samples of the source. They are exact sums, rounded once.
    """

    def __init__(self, part: Part, turns: Turns, rate: int) -> None:
        """rate: samples of the source in a second of it."""
        ticks = float(turns.tick * SAMPLE_RATE)
        seconds = part.position + (turns.points[0][0] * turns.tick - part.start) * part.rate
        reached = [0]  # at each turn, in millionths of a tick, from the first one on
        for (before, slow), (time, _) in zip(turns.points, turns.points[1:], strict=False):
            reached.append(reached[-1] + (time - before) * slow)
        unit, first = float(turns.tick * MILLIONTH * rate), float(seconds * rate)
        step = rate / SAMPLE_RATE
        self._times = np.array([float(part.start * SAMPLE_RATE), *(time * ticks for time, _ in turns.points)])
        self._positions = np.array([float(part.position * rate), *(first + each * unit for each in reached)])
        self._steps = np.array([float(part.rate) * step, *(each * 1e-6 * step for _, each in turns.points)])

    def steps(self, first: int, count: int) -> list[tuple[int, float]]:
        """The steps in a range of the mix: the number of samples, and by how many of the source each one goes on."""
        samples = np.arange(first, first + count, dtype=np.float64)
        lines, counts = np.unique(self._line(samples), return_counts=True)
        return list(zip(counts.tolist(), self._steps[lines].tolist(), strict=True))

    def at(self, samples: NDArray[np.float64]) -> NDArray[np.float64]:
        """The positions at samples of the mix."""
        line = self._line(samples)
        positions: NDArray[np.float64] = self._positions[line] + (samples - self._times[line]) * self._steps[line]
        return positions

    def position_at(self, sample: int) -> float:
        """The position at one sample of the mix."""
        return float(self.at(np.array([float(sample)]))[0])

    @property
    def widest(self) -> float:
        """The largest step of all."""
        return float(self._steps.max())

    def time_of(self, position: int) -> Fraction:
        """When a position is reached, in seconds of the film."""
        line = max(0, bisect_right(self._positions.tolist(), position) - 1)
        sample = self._times[line] + (position - self._positions[line]) / self._steps[line]
        return Fraction(float(sample)) / SAMPLE_RATE

    def _line(self, samples: NDArray[np.float64]) -> NDArray[np.intp]:
        return np.maximum(0, np.searchsorted(self._times, samples, side="right") - 1)
