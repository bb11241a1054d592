"""Where a page stands in the film: which frame, and at what time."""

from fractions import Fraction


def instant_ms(frame: int, fps: Fraction) -> float:
    """The virtual time of a frame in ms: frame / fps, on a grid of 2^-20 ms (a nanosecond), rounded up.

    Never a hair early: 1000·13/30 ms as the nearest double makes `floor(t·fps/1000)` and the 13th step of a
    steps(90) animation come out as 12 (13 of 90 such steps were wrong); a nanosecond late is never seen.
    """
    return -((-frame * 1000 * (1 << 20)) // fps) / (1 << 20)


class Playhead:
    """A page's place in the film, moved by the page and read by all its parts.

    frame: the one that the page shows or is on its way to; -1 before the first.
    frame_ms: the virtual time of that frame.
    clock_ms: where the page's own clock stands, which passes through the times between frames.
    """

    def __init__(self, fps: Fraction) -> None:
        self.fps = fps
        self.frame = -1
        self.frame_ms = 0.0
        self.clock_ms = 0.0

    def move(self, frame: int) -> None:
        """On to a frame. The clock counts as there at once, so that a worker made on the way begins there."""
        self.frame = frame
        self.frame_ms = self.clock_ms = instant_ms(frame, self.fps)
