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


async def walk(page: Page, target: int, *, stateful: bool, drawn: bool) -> None:
    """Moves a page along its path to just before `target`. Whatever passes over frames goes through here.

    Frames at which a jump would stop are drawn, whatever the page: the browser keeps things of its own that only
    drawing makes (docs/decisions/0025).

    drawn: whether all frames on the path are drawn.
    """
    at = page.frame
    jump = seek_path(target, at=at, stateful=False)
    for frame in seek_path(target, at=at, stateful=stateful):
        await page.show(frame)
        if drawn or frame in jump:
            await page.draw()


async def pictures(page: Page, frames: range, *, stateful: bool, drawn: bool) -> AsyncIterator[tuple[int, bytes]]:
    """Each frame's number and picture, after moving the page along the path to the first, as walk() does."""
    if frames:
        await walk(page, frames.start, stateful=stateful, drawn=drawn)
    for frame in frames:
        await page.show(frame)
        yield frame, await page.capture()
