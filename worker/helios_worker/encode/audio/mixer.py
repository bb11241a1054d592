"""Sums the parts of a score to samples, block by block.

The mix depends on the score and its sources alone. Each part's samples, its gain and the order of the sum are the same
whatever the blocks are; nothing grows with the length of the film or of a source.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from helios_worker.encode.audio.gains import GainCurve, with_gain
from helios_worker.encode.audio.reader import SoundReader
from helios_worker.encode.audio.samples import Samples, silence
from helios_worker.encode.audio.score import SAMPLE_RATE, Score
from helios_worker.encode.audio.tasks import NONE, SEVERAL
from helios_worker.encode.audio.voice import Voice

BLOCK = 48_000
"""Samples that are mixed at once: a second."""
INAUDIBLE = 10 ** (-90 / 20)
LATE = Fraction(1, 20)
"""Seconds that a source may end before its piece does: lengths are rounded on their way through a page."""


@dataclass
class Heard:
    """What a source was heard for. seconds: of the film. ends: when it ended before its parts did, if so.

    silent: whether all of it was silent. damaged: packets that could not be decoded.
    """

    seconds: Fraction = Fraction(0)
    ends: Fraction | None = None
    silent: bool = True
    damaged: int = 0


@dataclass
class _Playing:
    voice: Voice
    curve: GainCurve | None
    place: int = field(default=0)


class Mixer:
    """The mix of a score. heard: by source, complete when all blocks were taken. playing: how many parts are open."""

    def __init__(
        self,
        score: Score,
        *,
        block: int = BLOCK,
        threads: int = 1,
        working_on: Callable[[int], None] = lambda source: None,
    ) -> None:
        """threads: that decode at once. working_on: is told which source is decoded next, NONE or SEVERAL."""
        self.heard: dict[int, Heard] = {}
        self.playing = 0
        self._score = score
        self._block = block
        self._threads = threads
        self._working_on = working_on
        self._curves = [GainCurve(curve) for curve in score.curves]

    def blocks(self) -> Iterator[Samples]:
        """The film's samples from its first to its last.

        Raises:
            SoundUnusable: a source cannot be heard.
        """
        first, total = self._score.first, self._score.samples
        waiting = self._voices(first, first + total)
        playing: list[_Playing] = []
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="voice")
        try:
            for start in range(first, first + total, self._block):
                count = min(self._block, first + total - start)
                while waiting and waiting[-1].voice.first < start + count:
                    playing.append(waiting.pop())
                playing.sort(key=lambda each: each.place)
                self.playing = len(playing)
                yield self._mixed(playing, start, count, pool)
                for each in [each for each in playing if each.voice.end <= start + count]:
                    self._close(each, each.voice.end)
                    playing.remove(each)
            for each in playing:
                self._close(each, first + total)
        finally:
            pool.shutdown(cancel_futures=True)
            for each in playing:
                each.voice.close()

    def _voices(self, first: int, end: int) -> list[_Playing]:
        """What is heard between two samples, the earliest last."""
        found = []
        for place, part in enumerate(self._score.parts):
            voice = Voice(part, lambda source=part.source: self._open(source), first)  # type: ignore[misc]
            if voice.first < min(voice.end, end):
                curve = self._curves[part.curve] if part.curve is not None else None
                found.append(_Playing(voice, curve, place))
        return sorted(found, key=lambda each: (-each.voice.first, -each.place))

    def _open(self, index: int) -> SoundReader:
        source = self._score.sources[index]
        return SoundReader(Path(source.path), source.name, source.stream)

    def _mixed(self, playing: list[_Playing], start: int, count: int, pool: ThreadPoolExecutor) -> Samples:
        mixed = silence(count)
        for each, block in zip(playing, self._played(playing, start, start + count, pool), strict=True):
            begin = max(start, each.voice.first) - start
            mixed[begin : begin + len(block)] += block
            heard = self.heard.setdefault(each.voice.part.source, Heard())
            heard.silent = heard.silent and not np.abs(block).max(initial=0.0) > INAUDIBLE
        self._working_on(NONE)
        return mixed

    def _played(self, playing: list[_Playing], start: int, end: int, pool: ThreadPoolExecutor) -> Iterator[Samples]:
        """What is heard of each part between two samples, in their order."""
        if min(len(playing), self._threads) == 1:
            for each in playing:
                self._working_on(each.voice.part.source)
                yield _heard(each, start, end)
            return
        self._working_on(SEVERAL)
        ahead: deque[Future[Samples]] = deque()
        for each in playing:
            ahead.append(pool.submit(_heard, each, start, end))
            if len(ahead) > 2 * self._threads:  # a second of each of 300 would be 110 MiB
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()

    def _close(self, each: _Playing, end: int) -> None:
        """Counts what was heard of a part up to a sample, and closes its file."""
        voice = each.voice
        heard = self.heard.setdefault(voice.part.source, Heard())
        until = voice.heard_until
        if until is not None and Fraction(end, SAMPLE_RATE) - until > LATE:
            heard.ends = until
        heard.damaged += voice.damaged
        heard.seconds += Fraction(end - voice.first, SAMPLE_RATE)
        voice.close()


def _heard(each: _Playing, start: int, end: int) -> Samples:
    voice = each.voice
    begin = max(start, voice.first)
    return with_gain(voice.read(min(end, voice.end) - begin), voice.part, each.curve, begin)
