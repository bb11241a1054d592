"""The position of a page in the film: frame and time."""

from fractions import Fraction

STEPS_PER_MS = 1 << 20
# What a page reads while it loads. No clock of a browser's ever says 0, and pages take 0 for "not yet set".
START_MS = 1 / STEPS_PER_MS


def instant_ms(frame: int, fps: Fraction) -> float:
    """The virtual time of a frame in ms: frame / fps on a grid of 2^-20 ms (a nanosecond), rounded up, and two steps.

    The steps put frame 0 after the time at which the page loaded, which is after 0 (docs/decisions/0026). All frames
    have them, so that times between frames are as they would be without.

    The time must never be early. With 1000·13/30 ms as the nearest double, `floor(t·fps/1000)` and the 13th step of a
    steps(90) animation come out as 12; 13 of 90 such steps were wrong. Nanoseconds late make no visible difference.
    """
    return (2 - (-frame * 1000 * STEPS_PER_MS) // fps) / STEPS_PER_MS


class Playhead:
    """A page's position in the film. The page moves it, and all its parts read it.

    frame: the frame that the page shows or is moving to; -1 before the first.
    frame_ms: the virtual time of that frame.
    clock_ms: the time of the page's own clock, which also passes through times between frames.
    """

    def __init__(self, fps: Fraction) -> None:
        self.fps = fps
        self.frame = -1
        self.frame_ms = self.clock_ms = START_MS

    def move(self, frame: int) -> None:
        """Moves to a frame. The clock has the new time at once, so that a worker made on the way begins at it."""
        self.frame = frame
        self.frame_ms = self.clock_ms = instant_ms(frame, self.fps)
