"""Probes a page: whether jumping to a frame shows what playing up to it shows, and what frames cost."""

import hashlib
import time
from dataclasses import dataclass, replace
from statistics import fmean

from helios_crds.request import ChunkingRequest
from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.capture.content.composition import OpenComposition
from helios_worker.capture.page.glyphs import MissingGlyph
from helios_worker.capture.page.page import Page
from helios_worker.capture.page.seek_path import pictures, walk
from helios_worker.capture.page.settings import PageSettings
from helios_worker.errors import UserError
from helios_worker.jobs.spec import CostPoint, FilmSpec
from helios_worker.planning.chunking import DEFAULT_TARGET_SECONDS
from helios_worker.rendering.page_settings import page_settings

# Frames compared between jumping and playing: early ones, where pages start up, and one after a second.
COMPARED = (1, 9, 24, 41)
COST_SAMPLES = 8
COST_SECONDS = 1.5


@dataclass
class SeekabilityProbe:
    """Plays a page through a few of its frames, jumps to the same frames, and compares the pictures."""

    film: FilmSpec
    composition: OpenComposition
    browsers: BrowserPool
    frame_timeout: float

    def __post_init__(self) -> None:
        self.warnings: list[str] = []
        self.missing_glyphs: list[MissingGlyph] = []
        self._costs: list[CostPoint] = []

    async def history(self, seeking: str, page: Page) -> tuple[bool, bool]:
        """Whether frames depend on the frames before them, and whether these must have been drawn, too.

        seeking: "Seekable" and "Stateful" decide it without a test; "Stateful" draws them, since it is also the remedy
        where a test of a few frames has missed something. page: a fresh one, which is played.

        Raises:
            UserError: two identical runs differ, so that no two renders would agree.
        """
        compared = [frame for frame in COMPARED if frame < self.film.frames] if seeking == "Auto" else []
        played = await self._digests(page, compared, stateful=True)
        self.missing_glyphs += await page.missing_glyphs()
        if seeking != "Auto":
            return seeking == "Stateful", seeking == "Stateful"
        if not compared:
            return False, False
        jumped = await self._fresh_digests(compared[-2:], page.settings)
        if all(played[frame] == digest for frame, digest in jumped.items()):
            return False, False
        drawn = await self._fresh_digests(compared, page.settings, stateful=True, drawn=True)
        if drawn == played:
            self.warnings.append(
                "the page keeps state from frame to frame, so each chunk plays through all the frames before it"
            )
            return True, False
        again = await self._fresh_digests(compared, page.settings, stateful=True, drawn=True)
        differing = [frame for frame in compared if drawn[frame] != again[frame]]
        if differing:
            raise UserError(
                f"the page is not repeatable: frames {', '.join(map(str, differing))} differ between two equal runs",
                remedy="look for what the virtual clock cannot control: network answers, a SharedWorker, live media",
            )
        self.warnings.append(
            "the page depends on what was drawn before, so each chunk draws all the frames before it, which takes "
            "about half as long as rendering them"
        )
        return True, True

    async def _fresh_digests(
        self, frames: list[int], settings: PageSettings, *, stateful: bool = False, drawn: bool = False
    ) -> dict[int, str]:
        async with self.browsers.page(0, self.composition, settings) as fresh:
            return await self._digests(fresh, frames, stateful=stateful, drawn=drawn)

    async def _digests(self, page: Page, frames: list[int], *, stateful: bool, drawn: bool = False) -> dict[int, str]:
        digests = {}
        for frame in frames:
            await walk(page, frame, stateful=stateful, drawn=drawn)
            started = time.perf_counter()
            await page.show(frame)
            picture = await page.capture()
            self._costs.append(CostPoint(frame=frame, seconds=time.perf_counter() - started))
            digests[frame] = hashlib.sha256(picture).hexdigest()
        return digests

    async def costs(self, stateful: bool, chunking: ChunkingRequest) -> list[CostPoint]:
        """Seconds per frame, at frames spread over the film if the costs decide where chunks are cut.

        The first picture of a page is left out, since it takes longer than the rest.
        """
        measured = {point.frame: point for point in self._costs[1:]}
        if not stateful and self._is_worth_sampling(chunking, list(measured.values())):
            settings = replace(page_settings(self.film, self.frame_timeout), page_errors="warn")
            deadline = time.perf_counter() + COST_SECONDS
            async with self.browsers.page(0, self.composition, settings) as page:
                for frame in spread(self.film.first, self.film.end, COST_SAMPLES):
                    if time.perf_counter() > deadline:
                        break
                    async for _ in pictures(page, range(frame - 1, frame), stateful=False, drawn=False):
                        pass
                    started = time.perf_counter()
                    await page.show(frame)
                    await page.capture()
                    measured[frame] = CostPoint(frame=frame, seconds=time.perf_counter() - started)
                    self.missing_glyphs += await page.missing_glyphs()
        return sorted(measured.values(), key=lambda point: point.frame)

    def _is_worth_sampling(self, chunking: ChunkingRequest, known: list[CostPoint]) -> bool:
        frames = self.film.end - self.film.first
        if chunking.frames is not None or frames <= 4 * COMPARED[-1]:
            return False
        if chunking.count is not None:
            return chunking.count > 1
        target = chunking.targetSeconds or DEFAULT_TARGET_SECONDS
        # For a film of one or two chunks the compared frames suffice; sampling would add a tenth to its work.
        return not known or frames * fmean(point.seconds for point in known) > 2 * target


def spread(first: int, end: int, count: int) -> list[int]:
    """`count` frames, evenly spread over a run and away from its ends."""
    return sorted({first + (2 * k + 1) * (end - first) // (2 * count) for k in range(count)})
