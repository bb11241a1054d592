"""Resamples at a rate that changes: each sample of the mix is read at its own position of the source.

The filter is a sinc under a Kaiser window, as FFmpeg's in filters.py, but its place is computed for each sample. So
one voice goes on through any rates, where a resampler for each rate begins anew and is heard to. Where more than one
sample of the source goes by in one of the mix, the filter is so much wider, and lets nothing through that would fold.
"""

from collections.abc import Iterator
from functools import lru_cache
from math import ceil, floor, log2

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from helios_worker.encode.audio.filters import PULLED, BlockFeed, Feed
from helios_worker.encode.audio.rate_path import RatePath
from helios_worker.encode.audio.samples import Samples

TAPS = 96
"""Of the filter where a sample of the source is one of the mix, or more than one of them."""
CUTOFF, BETA = 0.93, 10.0
"""Of what either rate can hold. What is below 0.87 of it stays, what is above is 99 dB softer."""
PHASES = 512
"""Places between two samples for which there are taps; between them they are interpolated."""
PER_OCTAVE = 16
"""Widths of filters: each is up to 4% wider than it had to be."""
AT_ONCE = 2**18
"""Taps that are in memory at once."""
GRID = 2.0**24
"""Taps are rounded to its parts, so that they do not depend on how a processor computes a sine."""


def varied(feed: Feed, path: RatePath, first: int, begin: int) -> Feed:
    """A source along a path.

    feed: the source, from its sample `begin` on, which reach() gives. first: sample of the mix that comes first.
    """
    return BlockFeed(_varied(feed, path, first, begin))


def reach(path: RatePath) -> int:
    """How many samples of the source before a position are heard at it."""
    return _width(_octaves(path.widest)) // 2 + 1


def _varied(feed: Feed, path: RatePath, first: int, begin: int) -> Iterator[Samples]:
    source = np.zeros((0, 2), np.float32)
    margin = reach(path)
    while True:
        positions = path.at(np.arange(first, first + PULLED, dtype=np.float64))
        missing = ceil(positions[-1]) + margin - begin - len(source)
        if missing > 0:
            source = np.concatenate([source, feed.read(missing)])
        sides = np.ascontiguousarray(source.T)
        made, done = np.empty((PULLED, 2), np.float32), 0
        for count, step in path.steps(first, PULLED):
            octaves, end = _octaves(step), done + count
            while done < end:
                part = slice(done, min(end, done + max(1, AT_ONCE // _width(octaves))))
                made[part] = _filtered(sides, positions[part] - begin, octaves)
                done = part.stop
        yield made
        first += PULLED
        unneeded = max(0, min(floor(positions[-1]) - margin - begin, len(source)))
        source, begin = source[unneeded:], begin + unneeded


def _filtered(sides: NDArray[np.float32], positions: NDArray[np.float64], octaves: int) -> Samples:
    """The source at some positions of it. sides: of the source."""
    taps, slopes = _taps(octaves)
    whole = np.floor(positions)
    places = (positions - whole) * len(taps)
    phase = places.astype(np.intp)
    between = (places - phase).astype(np.float32)[:, np.newaxis]
    weights = taps[phase] + between * slopes[phase]
    begins = whole.astype(np.intp) - (taps.shape[1] // 2 - 1)
    heard = [np.einsum("nt,nt->n", sliding_window_view(side, taps.shape[1])[begins], weights) for side in sides]
    return np.stack(heard, axis=1)


def _octaves(step: float) -> int:
    """How much wider than TAPS the filter is at a step, in parts of an octave."""
    return max(0, ceil(log2(step) * PER_OCTAVE - 1e-9)) if step > 1 else 0


def _width(octaves: int) -> int:
    """How many taps a filter has."""
    return 2 * ceil(TAPS / 2 * 2 ** (octaves / PER_OCTAVE))


@lru_cache(maxsize=32)
def _taps(octaves: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Phases × taps, and how they change from each phase to the next."""
    wider = 2 ** (octaves / PER_OCTAVE)
    width, phases = _width(octaves), max(32, round(PHASES / wider))
    offsets = np.arange(width) - (width // 2 - 1)
    apart = offsets[np.newaxis] - np.arange(phases + 1)[:, np.newaxis] / phases
    window = np.i0(BETA * np.sqrt(np.maximum(0.0, 1 - (2 * apart / width) ** 2)))
    taps = np.sinc(apart * CUTOFF / wider) * window
    taps = np.rint(taps / taps.sum(axis=1, keepdims=True) * GRID) / GRID
    return taps[:-1].astype(np.float32), np.diff(taps, axis=0).astype(np.float32)
