"""How a page gets from where it is to the frames that are wanted."""

from collections.abc import AsyncIterator

from helios_worker.capture.page.page import Page

# A jump rests on the film's first frames, for what starts up over several of them, and on the frames just
# before, for what the page shows a frame or two after the cause (a callback that asks for another frame).
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
    """Each frame's number and picture, after the way to the first of them."""
    for frame in seek_path(frames.start, at=page.frame, stateful=stateful) if frames else ():
        await page.show(frame)
    for frame in frames:
        await page.show(frame)
        yield frame, await page.capture()
