"""Who captures what: a chunk's frames shared out to its lanes while they work.

Every lane begins with a contiguous share and takes it piece by piece. One that has nothing left takes the later
half of the largest share, so all end together, whatever a frame costs; and as a page is best walked forward,
frame by frame, no lane jumps more often than that.
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

    unit: frames of an encode unit. Shares begin on its grid where there are units enough, for a unit that two
    lanes share is encoded only as fast as the earlier of them captures.
    stealing: whether an idle lane takes from another. Not worth it where a page must walk through every frame.
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
        """The next frames for a lane; None when there are none left that it could usefully take."""
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
