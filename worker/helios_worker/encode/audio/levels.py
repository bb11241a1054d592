"""How loud a sound is, window by window: written beside a mix, and compared with what its encoded copy decodes to."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from helios_worker.encode.audio.samples import Samples, nothing
from helios_worker.encode.audio.sound_plan import SAMPLE_RATE

WINDOW = SAMPLE_RATE // 10
"""Samples of one level."""
LOUD, SILENT = 10 ** (-40 / 20), 10 ** (-70 / 20)
"""Levels between which nothing is said: an encoder may leave out what nobody hears, and hisses a little."""
APART = 10 ** (6 / 20)


class LevelMeter:
    """The root mean square of each window of a stereo sound, the louder side."""

    def __init__(self) -> None:
        self._pending = nothing()

    def levels(self, block: Samples) -> NDArray[np.float32]:
        """The levels of the windows that are complete with this block."""
        pending = np.concatenate([self._pending, block]) if len(self._pending) else block
        whole = len(pending) // WINDOW
        self._pending = pending[whole * WINDOW :]
        return _levels(pending[: whole * WINDOW], whole)

    def rest(self) -> NDArray[np.float32]:
        """The level of the last window, which may be shorter."""
        pending, self._pending = self._pending, nothing()
        return _levels(pending, 1) if len(pending) else np.zeros(0, np.float32)


def write_levels(blocks: Iterable[Samples], file: BinaryIO) -> Iterator[Samples]:
    """The same blocks, whose levels are written to a file."""
    meter = LevelMeter()
    for block in blocks:
        file.write(meter.levels(block).tobytes())
        yield block
    file.write(meter.rest().tobytes())


class LevelComparison:
    """Compares a decoded sound with the levels of the mix that it was encoded from.

    wrong: windows in which the two differ as no encoder makes them differ, of which first is the first.
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
        self._compare(self._meter.levels(block))

    def close(self) -> None:
        """Ends the comparison. The last window is not compared: an encoder pads it."""
        self._file.close()

    def _compare(self, found: NDArray[np.float32]) -> None:
        ahead = self._file.tell()
        wanted = np.frombuffer(self._file.read((len(found) + 1) * 4), np.float32)
        self._file.seek(ahead + len(found) * 4)
        for place, (level, want) in enumerate(zip(found.tolist(), wanted.tolist(), strict=False)):
            near = max(want, self._before, float(wanted[place + 1]) if place + 1 < len(wanted) else want)
            if (want > LOUD and level * APART < want) or (near < SILENT / 100 and level > SILENT):
                self._note(level, want)
            self._before = want
            self._window += 1

    def _note(self, level: float, want: float) -> None:
        self.wrong += 1
        if not self.problem:
            self.problem = (
                f"at {self._window * WINDOW / SAMPLE_RATE:.1f} s it has {_text(level)}, the mix {_text(want)}"
            )


def _levels(samples: Samples, windows: int) -> NDArray[np.float32]:
    if not windows:
        return np.zeros(0, np.float32)
    squares = np.square(samples.reshape(windows, -1, 2), dtype=np.float64)
    levels: NDArray[np.float32] = np.sqrt(squares.mean(axis=1).max(axis=1)).astype(np.float32)
    return levels


def _text(level: float) -> str:
    return f"{20 * np.log10(level):.1f} dB" if level > 0 else "silence"
