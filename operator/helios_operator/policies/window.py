"""Which waiting chunks to start."""

from collections.abc import Iterable
from itertools import islice


def chunks_to_start(ready: Iterable[int], active: int, window: int) -> list[int]:
    """Chunks to start now, lowest index first, so that a preview can play early.

    ready: waiting chunks whose back-off is over. active: attempts that hold a place, duplicates too.
    window: how many may be active at once in this RenderJob, all targets together.
    """
    return list(islice(sorted(ready), max(0, window - active)))
