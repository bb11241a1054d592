"""What a lane captured in a row, for comparison with its neighbours."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """The frames [first, end), which a lane captured in a row.

    picture: of the first frame, as captured.
    following: the same of the frame after the last, for comparison with whoever captures that frame; None at the end of
    the film.
    """

    first: int
    end: int
    picture: bytes
    following: bytes | None
