"""Divides a chunk's frames among its lanes while they work.

Every lane begins with a contiguous share and takes it piece by piece. A lane that has nothing left takes the later half
of the largest share. All lanes then end at about the same time, whatever a frame costs. Capturing frames in order is
fastest, and a lane leaves that order only when it steals.
"""

from dataclasses import dataclass

PIECES_PER_UNIT = 4


@dataclass
class _Share:
    first: int
    end: int

    @property
    def frames(self) -> int:
        return self.end - self.first


class WorkStealingQueue:
    """Deals a run of frames to lanes numbered from 0.

    unit: frames of an encode unit. Shares begin on the unit grid where there are units enough. When two lanes share a
    unit, it is encoded only as fast as the earlier lane captures.
    stealing: whether an idle lane takes from another. Not worth it where a page must play through every frame.
    """

    def __init__(self, frames: range, *, lanes: int, unit: int, stealing: bool = True) -> None:
        self._unit = unit
        self._piece = max(1, -(-unit // PIECES_PER_UNIT))
        self._stealing = stealing
        self._shares = [_Share(frames.start, frames.start) for _ in range(lanes)]
        self._shares[0].end = frames.stop
        for lane in range(1, lanes):
            self._cut(self._shares[lane - 1], self._shares[lane], parts=lanes - lane + 1)

    def take(self, lane: int) -> range | None:
        """The next frames for a lane; None when no frames are left that are worth taking."""
        share = self._shares[lane]
        if not share.frames and self._stealing:
            self._cut(max(self._shares, key=lambda other: other.frames), share, parts=2)
        if not share.frames:
            return None
        end = min(share.first - share.first % self._piece + self._piece, share.end)
        taken = range(share.first, end)
        share.first = end
        return taken

    def _cut(self, giver: _Share, taker: _Share, *, parts: int) -> None:
        """Leaves the giver the first of `parts` equal parts of its share, and the taker the rest."""
        cut = giver.first + -(-giver.frames // parts)
        for grid in (self._unit, self._piece):
            on_grid = -(-cut // grid) * grid
            if on_grid < giver.end:
                taker.first, taker.end, giver.end = on_grid, giver.end, on_grid
                return
