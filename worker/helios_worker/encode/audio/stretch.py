"""Plays sound at a rate that changes, with its pitch kept: overlapping windows, moved to where their waves match.

This is WSOLA (Verhelst and Roelands, 1993), as browsers and FFmpeg's atempo do it. atempo keeps one rate from its
start: at each change its windows would stay where they have drifted to. Here each is placed by the path alone.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from helios_worker.encode.audio.filters import BlockFeed, Feed
from helios_worker.encode.audio.rate_path import RatePath
from helios_worker.encode.audio.samples import Samples

HOP = 480
"""Samples from a window to the next one, 10 ms. Two windows are heard at each time."""
SEARCHED = 480
"""Samples that a window may be moved by: the wave of a tone of 100 Hz matches within half of it."""
DRAW = 0.4
"""Of a perfect match, what a window moved by SEARCHED is held to be worse: bursts stay where they belong."""
BEFORE = HOP + HOP // 2 + SEARCHED
"""Samples of the source before a position that are looked at."""
STEPS = 2.0**14
"""Of full scale, for comparisons. Their sums are whole numbers below 2^53, so they are the same on every processor."""
FAR = DRAW * np.abs(np.arange(-SEARCHED, SEARCHED + 1)) / SEARCHED
_RAMP = (np.arange(HOP) + 0.5) / HOP
RISING = (_RAMP * _RAMP * (3 - 2 * _RAMP)).astype(np.float32)[:, np.newaxis]


def stretched_along(feed: Feed, path: RatePath, first: int, begin: int) -> Feed:
    """A source of the mix's rate along a path, with its own pitch.

    feed: the source, from its sample `begin` on, BEFORE the position at `first`. first: sample of the mix.
    """
    return BlockFeed(_stretched(feed, path, first, begin))


def _stretched(feed: Feed, path: RatePath, first: int, begin: int) -> Iterator[Samples]:
    source = np.zeros((0, 2), np.float32)
    goes_on = round(path.position_at(first))  # the sample that follows what was heard
    while True:
        first += HOP
        wanted = round(path.position_at(first + HOP // 2)) - HOP - HOP // 2
        missing = max(goes_on, wanted + SEARCHED) + 2 * HOP - begin - len(source)
        if missing > 0:
            source = np.concatenate([source, feed.read(missing)])
        before = source[goes_on - begin :][:HOP]
        near = source[wanted - SEARCHED - begin :][: 2 * SEARCHED + HOP]
        found = wanted - SEARCHED + _best_match(before, near)
        after = source[found - begin :][:HOP]
        yield before + (after - before) * RISING
        goes_on = found + HOP
        unneeded = max(0, min(goes_on, wanted) - BEFORE - begin)
        source, begin = source[unneeded:], begin + unneeded


def _best_match(wanted: Samples, near: Samples) -> int:
    """Where in some samples the wave is most like another; of equal places that nearest to their middle."""
    target, candidates = _whole(wanted), _whole(near)
    alike = sum(np.correlate(side, other, "valid") for side, other in zip(candidates, target, strict=True))
    squares = np.cumsum(np.pad((candidates * candidates).sum(axis=0), (1, 0)))
    energies = (squares[HOP:] - squares[:-HOP]) * (target * target).sum()
    scores = np.divide(alike, np.sqrt(energies), out=np.zeros_like(energies), where=energies > 0)
    return int(np.argmax(scores - FAR))


def _whole(samples: Samples) -> NDArray[np.float64]:
    """Both sides in whole STEPS."""
    whole: NDArray[np.float64] = np.rint(samples.T * np.float32(STEPS)).astype(np.float64)
    return whole
