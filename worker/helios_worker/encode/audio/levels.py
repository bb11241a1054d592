"""How loud a sound is, window by window: written beside a mix, and compared with what its encoded copy decodes to.

An encoder leaves out what it takes for inaudible: of noise above 12 kHz, AAC of 64 kbit/s keeps nothing. So what is
missing is told by the part below about 3 kHz, and only in windows where that part is the loudest. There AAC and Opus of
32 to 192 kbit/s lack at most 1 dB, of tones, noise, squares, sweeps and clicks. What they add to the level of a window
and its neighbours is at most 4.5 dB, as far as it is above -50 dB (measured).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from helios_worker.encode.audio.samples import Samples, nothing
from helios_worker.encode.audio.score import SAMPLE_RATE

WINDOW = SAMPLE_RATE // 10
"""Samples of one level."""
AVERAGED = 8
"""Samples whose average leaves the part below about 3 kHz."""
LOUD, SOFT = 10 ** (-40 / 20), 10 ** (-50 / 20)
"""A window that has LOUD must not lack it; what is below SOFT does not count as more than there was."""
MISSING, ADDED = 10 ** (-6 / 20), 10 ** (12 / 20)
LOWEST_SHARE = 0.5
"""Of a window's level, the least that its low part has where it is compared."""

Levels = NDArray[np.float32]
"""Windows × 2: the root mean square of the louder side, and that of its low part."""


class LevelMeter:
    """Measures windows of a stereo sound, block by block."""

    def __init__(self) -> None:
        self._pending = nothing()

    def levels(self, block: Samples) -> Levels:
        """The levels of the windows that are complete with this block."""
        pending = np.concatenate([self._pending, block]) if len(self._pending) else block
        whole = len(pending) // WINDOW
        self._pending = pending[whole * WINDOW :]
        return _levels(pending[: whole * WINDOW], whole)


def write_levels(blocks: Iterable[Samples], file: BinaryIO) -> Iterator[Samples]:
    """The same blocks, the levels of whose whole windows are written to a file."""
    meter = LevelMeter()
    for block in blocks:
        file.write(meter.levels(block).tobytes())
        yield block


class LevelComparison:
    """Compares a decoded sound with the levels of the mix that it was encoded from.

    wrong: windows in which the two differ as no encoder makes them differ. problem: the first of them, described.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._before = 0.0
        self._meter = LevelMeter()
        self._window = 0
        self.wrong = 0
        self.problem = ""

    def add(self, block: Samples) -> None:
        """Compares the next samples."""
        found = self._meter.levels(block)
        place = self._file.tell()
        wanted = np.frombuffer(self._file.read((len(found) + 1) * 2 * 4), np.float32).reshape(-1, 2)
        self._file.seek(place + len(found) * 2 * 4)
        for index, ((level, low), (want, want_low)) in enumerate(zip(found.tolist(), wanted.tolist(), strict=False)):
            after = float(wanted[index + 1, 0]) if index + 1 < len(wanted) else want
            is_low = want_low > LOUD and want_low > LOWEST_SHARE * want
            if is_low and low < want_low * MISSING:
                self._note(low, want_low)
            elif level > ADDED * max(want, self._before, after, SOFT):
                self._note(level, want)
            self._before = want
            self._window += 1

    def close(self) -> None:
        """Ends the comparison. A last window that is not whole is not compared."""
        self._file.close()

    def _note(self, level: float, want: float) -> None:
        self.wrong += 1
        if not self.problem:
            self.problem = (
                f"at {self._window * WINDOW / SAMPLE_RATE:.1f} s it has {_text(level)}, the mix {_text(want)}"
            )


def _levels(samples: Samples, windows: int) -> Levels:
    if not windows:
        return np.zeros((0, 2), np.float32)
    low = samples.reshape(-1, AVERAGED, 2).mean(axis=1)
    levels = [_loudest(part.reshape(windows, -1, 2)) for part in (samples, low)]
    return np.stack(levels, axis=1).astype(np.float32)


def _loudest(windows: Samples) -> NDArray[np.float64]:
    """The root mean square of the louder side of each window."""
    loudest: NDArray[np.float64] = np.sqrt(np.square(windows, dtype=np.float64).mean(axis=1).max(axis=1))
    return loudest


def _text(level: float) -> str:
    return f"{20 * np.log10(level):.1f} dB" if level > 0 else "silence"
