"""What the mixing process is asked, and what it answers: plain data, as in score.py."""

import math
import struct
from dataclasses import dataclass
from typing import Final

from helios_worker.encode.audio.score import Score

MARK: Final = struct.Struct("<qq")
"""The source in hand, or one of these, and a count that goes on with each step."""
NONE, SEVERAL = -1, -2


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Of the process. mark: path of a file of MARK. memory: most bytes. seconds: most CPU time."""

    mark: str
    memory: int
    seconds: int


@dataclass(frozen=True)
class MixTask:
    """A score to mix. output, levels: where the encoded sound and its levels go. threads: that decode at once."""

    score: Score
    output: str
    levels: str
    threads: int


@dataclass(frozen=True)
class LengthTask:
    """Sources to open. files: their paths. names: for messages. wanted: whether to find the length of each."""

    files: tuple[str, ...]
    names: tuple[str, ...]
    wanted: tuple[bool, ...]


@dataclass(frozen=True)
class HeardSource:
    """What a source was heard for. source: its index. seconds: of the film, all its pieces together.

    ends: when it ended before its pieces, in seconds of the film; None where it did not. silent: whether nothing of it
    can be heard. damaged: packets that could not be decoded.
    """

    source: int
    seconds: float
    ends: float | None
    silent: bool
    damaged: int


@dataclass(frozen=True)
class MixReport:
    """What was mixed. samples: of the film. gain: dB that all was turned up for the loudness that was asked for.

    peak: the highest true peak before the limiter in dBTP; None for silence. limited: samples that were turned down.
    lowest: the limiter's lowest gain in dB. loudness: of the mix in LUFS; None where it is too soft to have one.
    memory: bytes that the process took at most.
    """

    samples: int
    gain: float
    peak: float | None
    limited: int
    lowest: float
    loudness: float | None
    memory: int
    heard: tuple[HeardSource, ...]


def decibels(gain: float) -> float | None:
    """A gain in dB; None for none at all."""
    return 20 * math.log10(gain) if gain > 0 else None
