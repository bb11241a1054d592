"""Sums the pieces of a sound plan to samples, block by block.

The mix depends on the plan and its sources alone. Each piece's samples, its gain and the order of the sum are the same
whatever the blocks are; nothing grows with the length of the film or of a source.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from helios_worker.encode.audio.gains import EnvelopeCurve, with_gain
from helios_worker.encode.audio.reader import SoundReader
from helios_worker.encode.audio.samples import Samples, silence
from helios_worker.encode.audio.sound_plan import SAMPLE_RATE, SoundPlan
from helios_worker.encode.audio.voice import Voice

BLOCK = 48_000
"""Samples that are mixed at once: a second."""
INAUDIBLE = 10 ** (-90 / 20)
LATE = Fraction(1, 20)
"""Seconds that a source may end before its piece does: lengths are rounded on their way through a page."""


@dataclass
class Heard:
    """What a source was heard for. seconds: of the film. ends: when it ended before its pieces did, if so.

    silent: whether all of it was silent. damaged: packets that could not be decoded.
    """

    seconds: Fraction = Fraction(0)
    ends: Fraction | None = None
    silent: bool = True
    damaged: int = 0


@dataclass
class _Playing:
    voice: Voice
    curve: EnvelopeCurve | None
    place: int = field(default=0)


class Mixer:
    """The mix of a plan. heard: by source, complete when all blocks were taken. playing: how many pieces are open."""

    def __init__(
        self,
        plan: SoundPlan,
        files: Sequence[Path],
        *,
        block: int = BLOCK,
        working_on: Callable[[int], None] = lambda source: None,
    ) -> None:
        """files: of the plan's sources. working_on: is told which source is decoded next."""
        self.heard: dict[int, Heard] = {}
        self.playing = 0
        self._plan = plan
        self._files = files
        self._block = block
        self._working_on = working_on
        self._curves = [EnvelopeCurve(envelope) for envelope in plan.envelopes]

    def blocks(self) -> Iterator[Samples]:
        """The film's samples from its first to its last.

        Raises:
            SoundUnusable: a source cannot be heard.
        """
        first, total = self._plan.first_sample, self._plan.samples
        waiting = self._voices(first, first + total)
        playing: list[_Playing] = []
        try:
            for start in range(first, first + total, self._block):
                count = min(self._block, first + total - start)
                while waiting and waiting[-1].voice.first < start + count:
                    playing.append(waiting.pop())
                playing.sort(key=lambda each: each.place)
                self.playing = len(playing)
                yield self._mixed(playing, start, count)
                for each in [each for each in playing if each.voice.end <= start + count]:
                    self._close(each, each.voice.end)
                    playing.remove(each)
            for each in playing:
                self._close(each, first + total)
        finally:
            for each in playing:
                each.voice.close()

    def _voices(self, first: int, end: int) -> list[_Playing]:
        """What is heard between two samples, the earliest last."""
        found = []
        for place, piece in enumerate(self._plan.pieces):
            voice = Voice(piece, lambda source=piece.source: self._open(source), first)  # type: ignore[misc]
            if voice.first < min(voice.end, end):
                curve = self._curves[piece.envelope] if piece.envelope is not None else None
                found.append(_Playing(voice, curve, place))
        return sorted(found, key=lambda each: (-each.voice.first, -each.place))

    def _open(self, index: int) -> SoundReader:
        source = self._plan.sources[index]
        return SoundReader(self._files[index], source.name, source.stream)

    def _mixed(self, playing: list[_Playing], start: int, count: int) -> Samples:
        mixed = silence(count)
        for each in playing:
            voice, piece = each.voice, each.voice.piece
            begin, end = max(start, voice.first), min(start + count, voice.end)
            self._working_on(piece.source)
            block = with_gain(voice.read(end - begin), piece, each.curve, begin)
            mixed[begin - start : end - start] += block
            heard = self.heard.setdefault(piece.source, Heard())
            heard.silent = heard.silent and not np.abs(block).max(initial=0.0) > INAUDIBLE
        self._working_on(-1)
        return mixed

    def _close(self, each: _Playing, end: int) -> None:
        """Counts what was heard of a piece up to a sample, and closes its file."""
        voice = each.voice
        heard = self.heard.setdefault(voice.piece.source, Heard())
        until = voice.heard_until
        if until is not None and Fraction(end, SAMPLE_RATE) - until > LATE:
            heard.ends = until
        heard.damaged += voice.damaged
        heard.seconds += Fraction(end - voice.first, SAMPLE_RATE)
        voice.close()
