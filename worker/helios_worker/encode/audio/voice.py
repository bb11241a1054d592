"""A piece of a sound plan as samples of the mix."""

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor

import numpy as np

from helios_worker.encode.audio.filters import TAPS, Feed, resampled, stretch_lead, stretched
from helios_worker.encode.audio.reader import SoundReader
from helios_worker.encode.audio.samples import Samples, nothing, silence
from helios_worker.encode.audio.sound_plan import SAMPLE_RATE, Loop, Piece, sample_at

NICE = 9_600
"""A ratio whose numerator is smaller comes back to whole samples of both rates often enough to start there."""
KEPT_LOOP = SAMPLE_RATE
"""Samples of a loop that are kept in place of decoding them again."""


class Voice:
    """A piece, sample by sample.

    heard_until: in seconds of the film, when its source ends before the piece does; None if it does not, so far.
    """

    def __init__(self, piece: Piece, open_source: Callable[[], SoundReader], first: int) -> None:
        """first: sample of the film's time that the mix begins with; a piece that begins before it is cut."""
        self.piece = piece
        self.first = max(first, sample_at(piece.start))
        self.end = sample_at(piece.end)
        self._open_source = open_source
        self._reader: SoundReader | None = None
        self._feed: Feed | None = None
        self._source: _SourceFeed | None = None

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
        passed = (Fraction(self._source.ended_at, self._reader.rate) - self.piece.position) / self.piece.rate
        return self.piece.start + max(Fraction(0), passed)

    def _begin(self) -> Feed:
        piece, reader = self.piece, self._open_source()
        self._reader = reader
        stretches = piece.preservesPitch and piece.rate != 1
        at = piece.position + (Fraction(self.first, SAMPLE_RATE) - piece.start) * piece.rate
        if stretches:
            at -= stretch_lead(piece.rate) * piece.rate
        speed = Fraction(1) if stretches else piece.rate
        first = floor(at * SAMPLE_RATE + Fraction(1, 2)) if stretches else self.first
        # Sample n of the mix is sample n * step + offset of the source. The offset is a whole one, and the same for all
        # pieces of a sound that goes on, so that nobody hears where one piece follows the other.
        step = speed * reader.rate / SAMPLE_RATE
        offset = Fraction(0) if stretches else (piece.position - piece.start * piece.rate) * reader.rate
        feed = self._resampled(
            reader, first, step, floor(offset + Fraction(1, 2)) if step.denominator < NICE else offset
        )
        return stretched(feed, piece.rate) if stretches else feed

    def _resampled(self, reader: SoundReader, first: int, step: Fraction, offset: Fraction | int) -> Feed:
        """The source at the mix's rate, from sample `first` on."""
        if step == 1:
            return self._sought(reader, first + floor(offset + Fraction(1, 2)))
        before = 2 * TAPS * max(1, ceil(1 / step))  # what the filter hears of what was before
        begin = first - before
        if step.denominator < NICE:
            begin = begin // step.denominator * step.denominator
        feed = resampled(self._sought(reader, floor(begin * step + offset + Fraction(1, 2))), 1 / step)
        feed.read(first - begin)
        return feed

    def _sought(self, reader: SoundReader, sample: int) -> "_SourceFeed":
        self._source = _SourceFeed(reader, sample, self.piece.loop)
        return self._source


class _SourceFeed:
    """A source from a sample on, again and again where it loops. ended_at: the sample after which it is silent."""

    def __init__(self, reader: SoundReader, sample: int, loop: Loop | None) -> None:
        self.ended_at: int | None = None
        self._reader = reader
        self._at = sample
        self._start = 0
        self._end: int | None = None
        self._round: Samples | None = None
        if loop is not None:
            self._start = floor(loop.start * reader.rate + Fraction(1, 2))
            end = reader.length() if loop.end is None else floor(loop.end * reader.rate + Fraction(1, 2))
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
