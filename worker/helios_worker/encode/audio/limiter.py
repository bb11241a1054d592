"""Turns the mix down where its true peaks would pass -1 dBTP, and leaves it as it is everywhere else.

The true peak is that of the curve through the samples, found at four times the rate as ITU-R BS.1770 says. Where it
passes the ceiling, the gain goes down within 5 ms before, so that no peak is cut off, and comes back within a fifth of
a second. It is set for cells of 64 samples from the start of the film, so it does not depend on how the mix is divided.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from helios_worker.encode.audio.samples import Samples, nothing, silence

CEILING = 10 ** (-1 / 20)
"""-1 dBTP. The meter itself may read up to 0.2 dB too little."""
CELL = 64
AHEAD = 4
"""Cells, of 1.33 ms, in which the gain goes down before a peak."""
RELEASE = 0.9934
"""Of what a cell turns down, the part that the next one still does: a tenth is left after 0.46 s."""
RELEASED = 0.9999
"""A gain above it is 1 again."""
REACH = 6
# BS.1770-5, annex 2, table 1: the phases of the filter for four times the rate, of which the others are these reversed.
_PHASES = (
    (0.001708984375, 0.010986328125, -0.0196533203125, 0.033203125, -0.0594482421875, 0.1373291015625, 0.97216796875,
     -0.102294921875, 0.047607421875, -0.026611328125, 0.014892578125, -0.00830078125),
    (-0.0291748046875, 0.029296875, -0.0517578125, 0.089111328125, -0.16650390625, 0.465087890625, 0.77978515625,
     -0.2003173828125, 0.1015625, -0.0582275390625, 0.0330810546875, -0.0189208984375),
)  # fmt: skip
PHASES = np.array([*_PHASES, _PHASES[1][::-1], _PHASES[0][::-1]], np.float32)
MOST = float(np.abs(PHASES).sum(axis=1).max())
"""How much higher than its samples a curve can be."""


class Limiter:
    """Limits a mix, block by block.

    highest: the true peak that came in. deepest: the lowest gain. limited: samples that were turned down.
    """

    def __init__(self) -> None:
        self.highest = 0.0
        self.deepest = 1.0
        self.limited = 0
        self._gain = 1.0
        self._begun = False

    def blocks(self, mix: Iterable[Samples]) -> Iterator[Samples]:
        """The mix, limited. Blocks are of other lengths than those that come in."""
        before, pending = silence(REACH), nothing()
        for block in mix:
            pending = np.concatenate([pending, block])
            whole = (len(pending) - AHEAD * CELL - REACH) // CELL * CELL
            if whole > 0:
                limited, before, pending = self._limit(before, pending, whole)
                yield limited
        if len(pending):
            padded = np.concatenate([pending, silence(-len(pending) % CELL + AHEAD * CELL + REACH)])
            yield self._limit(before, padded, len(padded) - AHEAD * CELL - REACH)[0][: len(pending)]

    def _limit(self, before: Samples, pending: Samples, whole: int) -> tuple[Samples, Samples, Samples]:
        """The first `whole` samples of what is pending, the last of what was seen, and what is left.

        before: the samples before.
        """
        seen = np.concatenate([before, pending])
        cells = whole // CELL + AHEAD
        peaks = _peaks(seen[: cells * CELL + 2 * REACH], cells)
        self.highest = max(self.highest, float(peaks[: whole // CELL].max()))
        block = pending[:whole]
        if self._gain < 1 or float(peaks.max()) > CEILING:
            block = self._turned_down(block, np.minimum(1.0, CEILING / np.maximum(peaks, 1e-9)).tolist())
        self._begun = True
        return block, seen[whole : whole + REACH], pending[whole:]

    def _turned_down(self, block: Samples, allowed: list[float]) -> Samples:
        """A block with the gain that each of its cells is allowed, and the AHEAD cells after it."""
        cells = len(block) // CELL
        if not self._begun:
            self._gain = _coming(allowed, 0)
        gains = [self._gain]
        for cell in range(1, cells + 1):
            released = 1 - (1 - self._gain) * RELEASE
            self._gain = min(allowed[cell - 1], _coming(allowed, cell), 1.0 if released > RELEASED else released)
            gains.append(self._gain)
        if min(gains) == 1:
            return block
        places = np.arange(len(block), dtype=np.float64) / CELL
        curve = np.interp(places, np.arange(cells + 1, dtype=np.float64), gains)
        self.deepest = min(self.deepest, *gains)
        self.limited += int(np.count_nonzero(curve < 1))
        return block * curve.astype(np.float32)[:, np.newaxis]


def _coming(allowed: list[float], cell: int) -> float:
    """The gain at the start of a cell, so that the line from it reaches what each of the next cells is allowed."""
    ahead = allowed[cell : cell + AHEAD]
    return min(gain + (1 - gain) * distance / AHEAD for distance, gain in enumerate(ahead))


def _peaks(samples: Samples, cells: int) -> NDArray[np.float64]:
    """The true peak of each cell. samples: of the cells, and REACH more on both sides."""
    inside = samples[REACH : REACH + cells * CELL]
    near = np.abs(samples).max(initial=0.0)
    if near * MOST <= CEILING:  # the curve cannot pass the ceiling anywhere
        return _highest(np.abs(inside), cells)
    highest = np.abs(inside)
    for phase in PHASES:
        curve = np.zeros_like(inside)
        for place, tap in enumerate(phase):
            curve += samples[place : place + len(inside)] * tap
        np.maximum(highest, np.abs(curve), out=highest)
    return _highest(highest, cells)


def _highest(samples: Samples, cells: int) -> NDArray[np.float64]:
    """The highest sample of each cell."""
    highest: NDArray[np.float32] = samples.reshape(cells, -1).max(axis=1)
    return highest.astype(np.float64)
