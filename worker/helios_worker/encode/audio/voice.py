"""A part of a score as samples of the mix."""

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor, lcm

import numpy as np

from helios_worker.encode.audio.filters import TAPS, Feed, limited, resampled, stretch_lead, stretched
from helios_worker.encode.audio.rate_path import RatePath
from helios_worker.encode.audio.reader import SoundReader
from helios_worker.encode.audio.samples import Samples, nothing, silence
from helios_worker.encode.audio.score import SAMPLE_RATE, Part, Turns, sample_at
from helios_worker.encode.audio.stretch import BEFORE, stretched_along
from helios_worker.encode.audio.varispeed import reach, varied

SEARCHED = 2_048
"""Samples of the mix among which one is chosen to start at, since the source has one at nearly the same time."""
KEPT_LOOP = SAMPLE_RATE
"""Samples of a loop that are kept in place of decoding them again."""


class Voice:
    """A part, sample by sample.

    heard_until: in seconds of the film, when its source ends before the part does; None if it does not, so far.
    """

    def __init__(self, part: Part, open_source: Callable[[], SoundReader], first: int) -> None:
        """first: sample of the film's time that the mix begins with; a part that begins before it is cut."""
        self.part = part
        self.first = max(first, sample_at(part.start))
        self.end = sample_at(part.end)
        self._open_source = open_source
        self._reader: SoundReader | None = None
        self._feed: Feed | None = None
        self._source: _SourceFeed | None = None
        self._path: RatePath | None = None

    def read(self, count: int) -> Samples:
        """The next samples; opens the file for the first.

        Raises:
            SoundUnusable: the source cannot be heard.
        """
        if self._feed is None:
            self._feed = self._begin()
        return self._feed.read(count)

    def close(self) -> None:
        """Closes the file."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    @property
    def damaged(self) -> int:
        """Packets that could not be decoded."""
        return self._reader.damaged if self._reader is not None else 0

    @property
    def heard_until(self) -> Fraction | None:
        """When the source ended, in seconds of the film; None if it has not."""
        if self._source is None or self._source.ended_at is None or self._reader is None:
            return None
        if self._path is not None:
            return max(self.part.start, self._path.time_of(self._source.ended_at))
        passed = (Fraction(self._source.ended_at, self._reader.rate) - self.part.position) / self.part.rate
        return self.part.start + max(Fraction(0), passed)

    def _begin(self) -> Feed:
        part, reader = self.part, self._open_source()
        self._reader = reader
        if part.turns is not None:
            return self._along(part.turns, reader)
        stretches = part.keeps_pitch and part.rate != 1
        at = part.position + (Fraction(self.first, SAMPLE_RATE) - part.start) * part.rate
        if stretches:
            at -= stretch_lead(part.rate) * part.rate
        speed = Fraction(1) if stretches else part.rate
        first = _nearest(at * SAMPLE_RATE) if stretches else self.first
        # Sample n of the mix is at n * step + offset of the source, for all pieces of a sound that goes on alike.
        step = limited(speed * reader.rate / SAMPLE_RATE)
        offset = Fraction(0) if stretches else (part.position - part.start * part.rate) * reader.rate
        feed = self._resampled(reader, first, step, offset)
        return stretched(feed, part.rate) if stretches else feed

    def _along(self, turns: Turns, reader: SoundReader) -> Feed:
        """The source at rates that change."""
        path = self._path = RatePath(self.part, turns, reader.rate)
        if not self.part.keeps_pitch:
            begin = floor(path.position_at(self.first)) - reach(path)
            return varied(self._sought(reader, begin), path, self.first, begin)
        path = RatePath(self.part, turns, SAMPLE_RATE)
        begin = floor(path.position_at(self.first)) - BEFORE
        feed = self._resampled(reader, begin, limited(Fraction(reader.rate, SAMPLE_RATE)), Fraction(0))
        return stretched_along(feed, path, self.first, begin)

    def _resampled(self, reader: SoundReader, first: int, step: Fraction, offset: Fraction) -> Feed:
        """The source at the mix's rate, from sample `first` on."""
        if step == 1:
            return self._sought(reader, first + _nearest(offset))
        before = 2 * TAPS * max(1, ceil(1 / step))  # what the filter hears of what was before
        begin = _meeting(first - before, step, offset)
        feed = resampled(self._sought(reader, _nearest(begin * step + offset)), 1 / step)
        feed.read(first - begin)
        return feed

    def _sought(self, reader: SoundReader, sample: int) -> "_SourceFeed":
        self._source = _SourceFeed(reader, sample, self.part.loop)
        return self._source


def _nearest(sample: Fraction) -> int:
    return floor(sample + Fraction(1, 2))


def _meeting(latest: int, step: Fraction, offset: Fraction) -> int:
    """The sample of the mix, of the last SEARCHED up to `latest`, that is nearest to one of the source.

    A filter starts with whole samples of both. So pieces that follow each other keep the phase between the two, and
    nobody hears where the one ends and the other begins.
    """
    unit = lcm(step.denominator, offset.denominator)
    each = int(step * unit)
    off = (latest * each + int(offset * unit) + unit // 2) % unit
    best, least = latest, unit
    for back in range(SEARCHED):
        apart = abs(off - unit // 2)
        if apart < least:
            best, least = latest - back, apart
        off = (off - each) % unit
    return best


class _SourceFeed:
    """A source from a sample on, again and again where it loops. ended_at: the sample after which it is silent."""

    def __init__(self, reader: SoundReader, sample: int, loop: tuple[Fraction, Fraction | None] | None) -> None:
        self.ended_at: int | None = None
        self._reader = reader
        self._at = sample
        self._start = 0
        self._end: int | None = None
        self._round: Samples | None = None
        if loop is not None:
            self._start = _nearest(loop[0] * reader.rate)
            end = reader.length() if loop[1] is None else _nearest(loop[1] * reader.rate)
            if end > self._start:
                self._end = end
                if sample >= end:
                    self._at = self._start + (sample - self._start) % (end - self._start)
        reader.seek(self._at)

    def read(self, count: int) -> Samples:
        """The next samples, exactly as many."""
        taken: list[Samples] = []
        missing = count
        while missing > 0:
            block = self._next(missing)
            self._at += len(block)
            missing -= len(block)
            taken.append(block if len(block) else silence(missing))
            if not len(block):
                break
        return taken[0] if len(taken) == 1 else np.concatenate(taken or [nothing()])

    def _next(self, most: int) -> Samples:
        if self.ended_at is not None:
            return nothing()
        if self._end is not None and self._at >= self._end:
            self._repeat(self._end)
        if self._round is not None:
            return self._round[self._at - self._start :][:most]
        block = self._reader.read(most if self._end is None else min(most, self._end - self._at))
        if not len(block):
            if self._end is not None:  # it ends before its loop does
                self._end = self._at if self._at > self._start else None
                return self._next(most) if self._end is not None else nothing()
            self.ended_at = self._at
        return block

    def _repeat(self, end: int) -> None:
        """Goes back to the start of the loop. A short one is decoded once more and kept."""
        self._at = self._start
        if self._round is not None:
            return
        self._reader.seek(self._start)
        if end - self._start <= KEPT_LOOP:
            found = self._reader.read(end - self._start)
            self._round = np.concatenate([found, silence(end - self._start - len(found))])
