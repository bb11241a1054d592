"""What is mixed: a sound plan as plain data, for a process that must start quickly.

The library that checks plans takes 0.15 s of CPU to import, as long as the decoders. So the process that starts the mix
has the plan checked, and hands it over as a score.
"""

from dataclasses import dataclass
from fractions import Fraction

SAMPLE_RATE = 48_000
"""Of the mix, in Hz. It is stereo."""
MILLIONTH = Fraction(1, 10**6)


def sample_at(time: Fraction) -> int:
    """The sample of the mix that is nearest to a time in seconds, of two the later."""
    return (2 * time.numerator * SAMPLE_RATE + time.denominator) // (2 * time.denominator)


@dataclass(frozen=True)
class Source:
    """A file with sound. path: of a local copy. name: for messages. stream: which of its audio streams."""

    path: str
    name: str
    stream: int


@dataclass(frozen=True)
class Curve:
    """Gains over the film's time, as those of an Envelope. tick: seconds. points: (time in ticks, linear gain)."""

    tick: Fraction
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Turns:
    """The rates of a part after its first, as those of a RateCurve. points: (time of the film in ticks, millionths)."""

    tick: Fraction
    points: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Part:
    """A piece of a plan. Times are seconds of the film, positions seconds of the source.

    source, curve: indexes. loop: from where to where it repeats; None for the source's end. turns: None if it keeps
    its rate.
    """

    source: int
    start: Fraction
    end: Fraction
    position: Fraction
    rate: Fraction
    turns: Turns | None
    keeps_pitch: bool
    loop: tuple[Fraction, Fraction | None] | None
    gain: float
    curve: int | None
    fade_in: Fraction
    fade_out: Fraction


@dataclass(frozen=True)
class Score:
    """All that is mixed. first: the sample of the film's time that the sound begins with. samples: how many it has.

    codec, bitrate, loudness: as in SoundEncoding.
    """

    first: int
    samples: int
    sources: tuple[Source, ...]
    parts: tuple[Part, ...]
    curves: tuple[Curve, ...]
    codec: str
    bitrate: int
    loudness: float | None
