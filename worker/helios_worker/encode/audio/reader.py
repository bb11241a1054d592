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
from helios_worker.encode.audio.samples import Samples, nothing, silence, stereo
from helios_worker.encode.audio.sound_file import REMEDY, SoundFile

PREROLL = Fraction(1, 2)
"""Seconds that are decoded before a position that was sought: bits of MP3, the state of Opus, overlaps of AAC."""
NEAR = 3
"""Seconds from the start within which nothing is sought, or within which the next position is decoded up to."""
GAP = Fraction(1, 50)
"""Seconds by which a frame's time may be off its place before it counts as a gap."""
MOST_MISSING = 3600
"""Seconds of silence that a gap in a file's timestamps stands for, at most."""
MIN_RATE, MAX_RATE = 1_000, 768_000
MAX_CHANNELS = 64


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
        self._file = SoundFile(path, name, stream)
        self._frames = self._file.frames()
        first = next(self._frames, None)
        if first is None:
            raise SoundUnusable(name, "holds no sound that can be decoded", remedy=REMEDY)
        self.rate = int(first.sample_rate)
        self._check(first)
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
        self.seek(max(0, self._declared - self.rate, self._at))
        while len(self.read(self.rate)):
            pass
        return self._at

    def _check(self, frame: av.AudioFrame) -> None:
        if not MIN_RATE <= frame.sample_rate <= MAX_RATE:
            raise SoundUnusable(self._name, f"has {frame.sample_rate} samples a second", remedy=REMEDY)
        if frame.sample_rate != self.rate:
            changes = f"changes from {self.rate} to {frame.sample_rate} samples a second on its way"
            raise SoundUnusable(self._name, changes, remedy=REMEDY)
        if not 1 <= len(frame.layout.channels) <= MAX_CHANNELS:
            raise SoundUnusable(self._name, f"has {len(frame.layout.channels)} channels", remedy=REMEDY)

    def _place_of(self, frame: av.AudioFrame) -> int:
        """The sample that a frame begins with, by its timestamp. Whole numbers alone: each frame asks."""
        pts, (factor, less, divisor) = frame.pts or 0, self._scale
        return (2 * (pts * factor - less) + divisor) // (2 * divisor)

    def _begin(self, first: av.AudioFrame) -> None:
        block, place = stereo(first), self._start
        if place > 0:  # the sound begins later than the picture
            block = np.concatenate([silence(min(place, MOST_MISSING * self.rate)), block])
        self._at, self._block, self._left = min(place, 0), block, len(block)

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
            self._block = np.concatenate([silence(-count), self._block[len(self._block) - self._left :]])
            self._left = len(self._block)
            self._at += count
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
        for frame in self._frames:
            self._check(frame)
            block = stereo(frame)
            off = self._place_of(frame) - self._at if frame.pts is not None else 0
            if abs(off) > self._coarse:
                gap = silence(min(max(0, off), MOST_MISSING * self.rate))
                block = np.concatenate([gap, block[max(0, -off) :]])
            block = self._without_padding(block)
            if len(block):
                self._block, self._left = block, len(block)
                return True
        return False

    def _without_padding(self, block: Samples) -> Samples:
        """Without what an encoder appended to fill the last packet, which crosses the end that the file declares."""
        inside = self._declared - self._at
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
        for frame in self._frames:
            self._check(frame)
            frames.append(frame)
            decoded += frame.samples
            if decoded >= PREROLL * self.rate:
                break
        if not frames or any(frame.pts is None for frame in frames):
            return False
        place = self._on_grid(self._place_of(frames[-1]), frames) - decoded + frames[-1].samples
        if place > sample or any(frame.is_corrupt for frame in frames[-2:]):
            return False
        self._block = np.concatenate([stereo(frame) for frame in frames])
        self._at, self._left = place, len(self._block)
        self._skip(sample - place)
        return True

    def _on_grid(self, place: int, frames: list[av.AudioFrame]) -> int:
        """A frame's place, where timestamps are coarser than samples: the nearest one that whole frames lead to."""
        if self._tick <= 1:
            return place
        step = gcd(*[frame.samples for frame in frames[1:]])
        nearest = self._grid + round(Fraction(place - self._grid, step)) * step if step else place
        return nearest if abs(nearest - place) <= self._tick else place
