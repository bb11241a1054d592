"""A lane: one browser that captures its share of a chunk's frames."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.capture.content.composition import OpenComposition
from helios_worker.capture.page.page import Page
from helios_worker.capture.page.seek_path import pictures
from helios_worker.capture.page.settings import PageSettings
from helios_worker.jobs.spec import FilmSpec
from helios_worker.rendering.run import Run
from helios_worker.rendering.work_stealing import WorkStealingQueue
from helios_worker.trace import mark

Put = Callable[[int, bytes], Awaitable[None]]


@dataclass(frozen=True)
class Lane:
    """The browser with this number in the pool, and the page that it opens.

    is_last: whether the browser's work is over with these frames. It is ended then: that takes a tenth of a second, for
    which somebody would wait at the end of the film.
    """

    number: int
    film: FilmSpec
    browsers: BrowserPool
    composition: OpenComposition
    settings: PageSettings
    is_last: bool = False

    @property
    def _history(self) -> dict[str, bool]:
        return {"stateful": self.film.stateful, "drawn": self.film.drawn}

    async def capture(self, queue: WorkStealingQueue, put: Put) -> list[Run]:
        """Captures the frames that this lane takes from the queue, in one page while the frames go forward.

        put: takes each frame's picture, and waits when there are too many.
        """
        runs: list[Run] = []
        frames = queue.take(self.number)
        while frames is not None:
            async with self.browsers.page(self.number, self.composition, self.settings) as page:
                while frames is not None and frames.start > page.frame:
                    run, frames = await self._capture_run(page, frames, queue, put)
                    runs.append(run)
                if frames is None and self.is_last:
                    self.browsers.end(self.number)
        return runs

    async def _capture_run(
        self, page: Page, frames: range, queue: WorkStealingQueue, put: Put
    ) -> tuple[Run, range | None]:
        """Captures adjacent pieces from `frames` on. Returns the run, and the next piece, which is not adjacent."""
        first = end = frames.start
        opening = b""
        piece: range | None = frames
        while piece is not None and piece.start == end:
            async for frame, picture in pictures(page, piece, **self._history):
                if frame == first:
                    mark("first picture")
                    opening = picture
                await put(frame, picture)
            end = piece.stop
            piece = queue.take(self.number)
        return Run(first, end, opening, await self._following(page, end)), piece

    async def _following(self, page: Page, frame: int) -> bytes | None:
        seam = range(frame, min(frame + 1, self.film.end))
        captured = [picture async for _, picture in pictures(page, seam, **self._history)]
        return captured[0] if captured else None
