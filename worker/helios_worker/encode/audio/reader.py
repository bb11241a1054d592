"""Reads the sound of a file from any position, exact to the sample.

Position 0 is the first sample that a player lets be heard, or the first picture where the file has a video that begins
before it. Encoder delays, edit lists and pre-skips are FFmpeg's to honour; its timestamps are believed as far as their
unit goes, and no further: WebM's milliseconds are 48 samples. Nothing that a header says of a length is believed.
"""

from fractions import Fraction
from itertools import chain
from math import ceil, floor, gcd, lcm
from pathlib import Path

import av
import numpy as np

from helios_worker.encode.audio.errors import SoundUnusable
from helios_worker.encode.audio.samples import Samples, long_silence, nothing, stereo
from helios_worker.encode.audio.sound_file import REMEDY, SoundFile, first_frame, kind_of

PREROLL = Fraction(1, 2)
"""Seconds that are decoded before a position that was sought: bits of MP3, the state of Opus, overlaps of AAC."""
NEAR = 3
"""Seconds from the start within which nothing is sought, or within which the next position is decoded up to."""
GAP = Fraction(1, 50)
"""Seconds by which a frame's time may be off its place before it counts as a gap."""
MOST_MISSING = 24 * 3600
"""Seconds of silence that a gap in a file's timestamps stands for, at most."""


class SoundReader:
    """One audio stream of a file, in stereo. rate: in Hz."""

    def __init__(self, path: Path, name: str, stream: int = 0) -> None:
        """Opens the file and decodes its first samples. name: for messages.

        Raises:
            SoundUnusable: it is no sound that FFmpeg decodes, or there is no such stream.
        """
        self._name = name
        self._opening = path, name, stream
        self._damaged = 0
        self._after: Samples | None = None
        self._file = SoundFile(path, name, stream)
        self._frames = self._file.frames()
        first = first_frame(self._frames, name)
        self.rate = int(first.sample_rate)
        self._kind = kind_of(first)
        base, time = self._file.time_base, (first.pts or 0) * self._file.time_base
        picture = self._file.picture_start()
        self._origin = time if picture is None else min(time, picture)
        divisor = lcm(base.denominator, self._origin.denominator)
        self._scale = int(base * divisor) * self.rate, int(self._origin * divisor) * self.rate, divisor
        # The samples that the unit of the file's timestamps lasts, and that at which the sound ends by the file's word.
        self._tick = ceil(base * self.rate)
        self._declared = round((self._file.declared_end - self._origin) * self.rate)
        self._coarse = max(floor(GAP * self.rate), 2 * self._tick)
        self._start = self._place_of(first)
        if abs(self._start) <= max(1, self._tick):
            self._start = 0
        self._grid = self._start + first.samples
        self._begin(first)

    @property
    def damaged(self) -> int:
        """How many packets could not be decoded."""
        return self._damaged + self._file.damaged

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def seek(self, sample: int) -> None:
        """Goes to a sample, counted from position 0. Before and after the sound there is silence."""
        ahead = sample - self._at
        if 0 <= ahead <= NEAR * self.rate or (sample < 0 and self._at == 0):
            self._skip(ahead)
        elif sample < NEAR * self.rate or not self._sought(sample):
            self._rewind()
            self._skip(sample - self._at)

    def read(self, count: int) -> Samples:
        """The next samples; fewer than `count` only where the sound ends."""
        taken: list[Samples] = []
        missing = count
        while missing > 0:
            if self._left == 0 and not self._advance():
                break
            block = self._block[len(self._block) - self._left :][:missing]
            self._left -= len(block)
            self._at += len(block)
            missing -= len(block)
            taken.append(block)
        if len(taken) == 1:
            return taken[0]
        return np.concatenate(taken) if taken else nothing()

    def length(self) -> int:
        """How many samples there are from position 0, as decoding finds; it decodes the end alone if it can."""
        end = floor((self._file.likely_end - self._origin) * self.rate)
        self.seek(max(0, end - self.rate, self._at))
        while len(self.read(self.rate)):
            pass
        return self._at

    def _is_usable(self, frame: av.AudioFrame) -> bool:
        """Whether a frame is like the first one. One with a damaged header is not, nor may its samples be looked at."""
        return kind_of(frame) == self._kind

    def _place_of(self, frame: av.AudioFrame) -> int:
        """The sample that a frame begins with, by its timestamp. Whole numbers alone: each frame asks."""
        pts, (factor, less, divisor) = frame.pts or 0, self._scale
        return (2 * (pts * factor - less) + divisor) // (2 * divisor)

    def _begin(self, first: av.AudioFrame) -> None:
        self._at = min(self._start, 0)
        self._take(stereo(first), gap=self._start)  # the sound may begin later than the picture

    def _take(self, block: Samples, *, gap: int = 0) -> None:
        """Sets what is read next. gap: samples of silence before it."""
        self._block, self._after = block, None
        if gap > 0:
            self._block, self._after = long_silence(min(gap, MOST_MISSING * self.rate)), block
        self._left = len(self._block)

    def _rewind(self) -> None:
        self._damaged += self._file.damaged
        self._file.close()
        self._file = SoundFile(*self._opening)
        self._frames = self._file.frames()
        first = next(self._frames, None)
        if first is None:
            raise SoundUnusable(self._name, "cannot be decoded a second time", remedy=REMEDY)
        self._begin(first)

    def _skip(self, count: int) -> None:
        if count < 0:  # before the sound: read() has nothing there, so it is put in front
            self._at += count
            if self._after is None:
                self._take(self._block[len(self._block) - self._left :], gap=-count)
            else:
                self._take(self._after, gap=self._left - count)
            return
        while count > 0:
            if self._left == 0 and not self._advance():
                return
            step = min(count, self._left)
            self._left -= step
            self._at += step
            count -= step

    def _advance(self) -> bool:
        """Decodes the next frame, with silence for what is missing before it. False at the end."""
        if self._after is not None:
            self._take(self._after)
            return True
        for frame in self._frames:
            if not self._is_usable(frame):
                self._damaged += 1
                continue
            block = stereo(frame)
            off = self._place_of(frame) - self._at if frame.pts is not None else 0
            if abs(off) <= self._coarse:
                off = 0
            block = self._without_padding(block[max(0, -off) :], self._at + max(0, off))
            if len(block):
                self._take(block, gap=off)
                return True
        return False

    def _without_padding(self, block: Samples, place: int) -> Samples:
        """Without what an encoder appended to fill the last packet, which crosses the end that the file declares.

        place: of its first sample.
        """
        inside = self._declared - place
        if self._tick > 1 or not 0 < inside < len(block):
            return block
        further = next(self._frames, None)
        if further is None:
            return block[:inside]
        self._frames = chain([further], self._frames)
        return block

    def _sought(self, sample: int) -> bool:
        """Goes near a sample by the file's index and decodes up to it. False: it has none that leads there."""
        if not self._file.seek(self._origin + Fraction(sample, self.rate) - PREROLL):
            return False
        self._frames = self._file.frames()
        frames: list[av.AudioFrame] = []
        decoded = 0
        damaged = self._file.damaged
        for frame in self._frames:
            if not self._is_usable(frame):
                return False
            frames.append(frame)
            decoded += frame.samples
            if decoded >= PREROLL * self.rate:
                break
        self._file.damaged = damaged  # it lacks what was before it
        if not frames or any(frame.pts is None for frame in frames):
            return False
        place = self._on_grid(self._place_of(frames[-1]), frames) - decoded + frames[-1].samples
        if place > sample or any(frame.is_corrupt for frame in frames[-2:]):
            return False
        self._at = place
        self._take(np.concatenate([stereo(frame) for frame in frames]))
        self._skip(sample - place)
        return True

    def _on_grid(self, place: int, frames: list[av.AudioFrame]) -> int:
        """A frame's place, where timestamps are coarser than samples: the nearest one that whole frames lead to."""
        if self._tick <= 1:
            return place
        step = gcd(*[frame.samples for frame in frames[1:]])
        nearest = self._grid + round(Fraction(place - self._grid, step)) * step if step else place
        return nearest if abs(nearest - place) <= self._tick else place
