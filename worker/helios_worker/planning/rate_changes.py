"""Pieces that go on from each other at another rate, as one: a rate that changes at each frame leaves one sound."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from helios_worker.capture.page.sounds import HeardPiece

DRIFT = 2e-4
"""Seconds by which a piece may be off the place where another has ended: as in clock/sounds.js."""


@dataclass(eq=False)
class _Chain:
    """pieces: each goes on from the one before. reached: the position at the last one's begin, by all rates."""

    pieces: list[HeardPiece]
    reached: float


def joined(pieces: Sequence[HeardPiece]) -> list[HeardPiece]:
    """The pieces, those that go on from each other at other rates as one.

    pieces: by their begin.
    """
    chains: list[_Chain] = []
    ended: dict[tuple[object, ...], list[_Chain]] = {}
    for piece in pieces:
        at_begin = ended.get(_follows(piece, piece.begin), [])
        chain = next((chain for chain in at_begin if _goes_on(chain, piece)), None)
        if chain is None:
            chain = _Chain([], piece.position)
            chains.append(chain)
        else:
            at_begin.remove(chain)
            chain.reached = _end(chain)
        chain.pieces.append(piece)
        ended.setdefault(_follows(piece, piece.end), []).append(chain)
    return [_joined(chain.pieces) for chain in chains]


def _follows(piece: HeardPiece, time: float) -> tuple[object, ...]:
    return piece.address, piece.keeps_pitch, piece.loop, piece.silent, time


def _goes_on(chain: _Chain, piece: HeardPiece) -> bool:
    last = chain.pieces[-1].rate
    if last == piece.rate or not min(last, piece.rate) > 0 or piece.begin == piece.end:
        return False
    off = abs(piece.position - _end(chain))
    if piece.loop > 0:
        off = min(off % piece.loop, piece.loop - off % piece.loop)
    return off < DRIFT


def _end(chain: _Chain) -> float:
    """The position that a chain has reached."""
    last = chain.pieces[-1]
    return chain.reached + (last.end - last.begin) / 1000 * last.rate


def _joined(pieces: list[HeardPiece]) -> HeardPiece:
    first = pieces[0]
    if len(pieces) == 1:
        return first
    gains = dict(first.gains)
    for piece in pieces[1:]:
        level = gains[next(reversed(gains))]
        gains.update(piece.gains[1:] if piece.gains[0][1] == level else piece.gains)
    turns = tuple((piece.begin, piece.rate) for piece in pieces[1:])
    return replace(first, end=pieces[-1].end, gains=tuple(gains.items()), turns=turns)
