"""Probes a page: whether jumping to a frame shows what playing up to it shows, and what frames cost."""

import time
from dataclasses import dataclass, replace
from statistics import fmean, median

from helios_crds.request import ChunkingRequest
from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.capture.content.composition import OpenComposition
from helios_worker.capture.page.glyphs import MissingGlyph
from helios_worker.capture.page.page import Page
from helios_worker.capture.page.seek_path import pictures, walk
from helios_worker.capture.page.settings import PageSettings
from helios_worker.errors import HeliosError, UserError
from helios_worker.jobs.spec import CostPoint, FilmSpec
from helios_worker.planning.chunking import DEFAULT_TARGET_SECONDS
from helios_worker.planning.slowness import FrameTime, causes, in_one_line, is_worth_a_look, measured
from helios_worker.planning.warnings import PlanWarning
from helios_worker.rendering.page_settings import page_settings
from helios_worker.rendering.seams import STATEFUL, UNREPEATABLE, digest_of

# Frames compared between jumping and playing: early ones, where pages start up, and one after a second.
COMPARED = (1, 9, 24, 41)
# Where costs decide how the film is cut, they are worth this much time; elsewhere, this share of the film's work.
COST_SAMPLES = 8
COST_SECONDS = 1.5
COST_SHARE = 0.05
LEAST_SAMPLES = 2
DRAWN = "so each chunk draws all the frames before it, which takes about half as long as rendering them"
# A frame that takes longer than this is not waited for here: the chunk that renders it waits, and says what for.
SAMPLE_SECONDS = 10.0


@dataclass
class SeekabilityProbe:
    """Plays a page through a few of its frames, jumps to the same frames, and compares the pictures.

    pictures: SHA-256 of each picture that was taken, by frame.
    """

    film: FilmSpec
    composition: OpenComposition
    browsers: BrowserPool
    frame_timeout: float

    def __post_init__(self) -> None:
        self.warnings: list[PlanWarning] = []
        self.missing_glyphs: list[MissingGlyph] = []
        self.pictures: dict[int, str] = {}
        self._times: list[FrameTime] = []
        self._causes: list[str] | None = None

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
            text = f"{STATEFUL}, so each chunk plays through all the frames before it"
            self.warnings.append(PlanWarning("stateful", text))
            return True, False
        again = await self._fresh_digests(compared, page.settings, stateful=True, drawn=True)
        differing = [frame for frame in compared if drawn[frame] != again[frame]]
        if differing:
            raise UserError(
                f"the page is not repeatable: frames {', '.join(map(str, differing))} differ between two equal runs",
                remedy=UNREPEATABLE,
            )
        self.warnings.append(PlanWarning("drawn", f"the page depends on what was drawn before, {DRAWN}"))
        return True, True

    async def _fresh_digests(
        self, frames: list[int], settings: PageSettings, *, stateful: bool = False, drawn: bool = False
    ) -> dict[int, str]:
        async with self.browsers.page(0, self.composition, settings) as fresh:
            for lane in range(min(self.browsers.lanes, self.film.end - self.film.first)):
                self.browsers.expect_page(lane, settings)
            return await self._digests(fresh, frames, stateful=stateful, drawn=drawn)

    async def _digests(self, page: Page, frames: list[int], *, stateful: bool, drawn: bool = False) -> dict[int, str]:
        digests = {}
        for frame in frames:
            await walk(page, frame, stateful=stateful, drawn=drawn)
            taken, picture = await measured(page, frame)
            self._times.append(taken)
            digests[frame] = self.pictures[frame] = digest_of(picture)
        return digests

    async def costs(self, stateful: bool, chunking: ChunkingRequest) -> list[CostPoint]:
        """Seconds per frame, at frames spread over the film where they can be reached by jumping.

        The first picture of a page is left out, since it takes longer than the rest.
        """
        self._times = self._times[1:]
        count = 0 if stateful else self._samples(chunking)
        if count:
            await self._sample(count)
        points = {taken.frame: CostPoint(frame=taken.frame, seconds=taken.total) for taken in self._times}
        return sorted(points.values(), key=lambda point: point.frame)

    async def slowness(self, page: Page) -> list[str]:
        """A warning about a slow page, in one line. page: at one of the frames measured, and of no further use."""
        if self._causes is None and is_worth_a_look(self._times):
            self._causes = await causes(page, self.film.frames, self._times, self.composition)
        line = in_one_line(self._times, self._causes or [])
        return [] if line is None else [line]

    async def _sample(self, count: int) -> None:
        """Measures `count` frames spread over the film, or at least the last of them if that takes too long.

        What the page does wrong on the way is for the chunk to say that renders these frames.
        """
        settings = page_settings(self.film, min(self.frame_timeout, SAMPLE_SECONDS))
        frames = spread(self.film.first, self.film.end, count)
        deadline = time.perf_counter() + COST_SECONDS
        try:
            async with self.browsers.page(0, self.composition, replace(settings, page_errors="warn")) as page:
                for frame in frames:
                    if time.perf_counter() > deadline and frame != frames[-1]:
                        continue
                    async for _ in pictures(page, range(frame - 1, frame), stateful=False, drawn=False):
                        pass
                    taken, picture = await measured(page, frame)
                    self._times.append(taken)
                    self.pictures[frame] = digest_of(picture)
                    self.missing_glyphs += await page.missing_glyphs()
                if is_worth_a_look(self._times):
                    self._causes = await causes(page, self.film.frames, self._times, self.composition)
        except HeliosError:
            return

    def _samples(self, chunking: ChunkingRequest) -> int:
        """The number of frames to measure besides the compared ones."""
        frames = self.film.end - self.film.first
        if frames <= 3 * COMPARED[-1]:
            return 0
        if not self._times:
            return COST_SAMPLES
        work = frames * fmean(taken.total for taken in self._times)
        is_cut_by_work = chunking.frames is None and (
            chunking.count > 1
            if chunking.count is not None
            else work > 2 * (chunking.targetSeconds or DEFAULT_TARGET_SECONDS)
        )
        if is_cut_by_work:
            return COST_SAMPLES
        # Each sample takes two frames, and the frames on the way to them.
        affordable = int(COST_SHARE * work / (2 * median(taken.total for taken in self._times)))
        return min(COST_SAMPLES, max(LEAST_SAMPLES, affordable))


def spread(first: int, end: int, count: int) -> list[int]:
    """`count` frames, evenly spread over a run and away from its ends."""
    return sorted({first + (2 * k + 1) * (end - first) // (2 * count) for k in range(count)})
