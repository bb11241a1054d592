"""How a page gets from its current frame to the frames to capture."""

from collections.abc import AsyncIterator

from helios_worker.capture.page.page import Page

# A jump stops at the film's first frames, since pages start up over several of them. It also stops at the frames just
# before the target, since a page may show something a frame or two after its cause (a callback in a callback).
LEAD_IN = (0, 1)
RUN_UP = (2, 1)


def seek_path(target: int, *, at: int = -1, stateful: bool) -> list[int]:
    """The frames to show, uncaptured, between frame `at` (-1: a fresh page) and `target`.

    >>> seek_path(75, stateful=False)
    [0, 1, 73, 74]
    >>> seek_path(3, stateful=True)
    [0, 1, 2]
    """
    if stateful:
        return list(range(at + 1, target))
    stops = {*LEAD_IN, *(target - back for back in RUN_UP)}
    return sorted(frame for frame in stops if at < frame < target)


async def pictures(page: Page, frames: range, *, stateful: bool) -> AsyncIterator[tuple[int, bytes]]:
    """Each frame's number and picture, after moving the page along the path to the first."""
    for frame in seek_path(frames.start, at=page.frame, stateful=stateful) if frames else ():
        await page.show(frame)
    for frame in frames:
        await page.show(frame)
        yield frame, await page.capture()
