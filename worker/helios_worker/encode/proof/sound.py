"""Compares the sound of a film with the mix that it was encoded from."""

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from helios_worker.encode.audio.levels import LevelComparison
from helios_worker.encode.audio.samples import stereo
from helios_worker.encode.audio.score import SAMPLE_RATE
from helios_worker.encode.proof.expected_sound import ExpectedSound

OVERSHOOT = 10 ** (12 / 20)
"""How much higher than the mix an encoded sound may peak. At 64 kbit/s squares do by 5 dB (measured)."""
INAUDIBLE = 10 ** (-60 / 20)


class SoundComparison:
    """Compares decoded frames with a mix, from its first sample on."""

    def __init__(self, expected: ExpectedSound) -> None:
        self._expected = expected
        self._levels = LevelComparison(expected.levels)
        self._at = 0
        self._peak = 0.0

    def add(self, frame: av.AudioFrame) -> None:
        """Compares the next frame."""
        place = round((frame.pts or 0) * (frame.time_base or 0) * SAMPLE_RATE) if frame.pts is not None else self._at
        block = stereo(frame)[max(0, self._at - place) :][: max(0, self._expected.samples - self._at)]
        if len(block):
            self._at += len(block)
            self._peak = max(self._peak, float(np.abs(block).max()))
            self._levels.add(block)

    def problems(self, seconds: Fraction) -> Iterator[str]:
        """What is wrong, at the end. seconds: the length that the file declares; decoders add an encoder's padding."""
        self._levels.close()
        samples = min(self._at, round(seconds * SAMPLE_RATE))
        if samples != self._expected.samples:
            yield f"the audio has {samples} samples, the mix {self._expected.samples}"
        if self._levels.wrong:
            yield f"the audio is not what was mixed: {self._levels.problem}"
        peak = self._expected.peak
        if peak is not None and self._peak > max(peak * OVERSHOOT, INAUDIBLE):
            yield f"the audio peaks at {self._peak:.3f} of full scale, the mix at {peak:.3f}"
