"""What the mixing process is asked, and what it answers."""

import math
import struct
from typing import Final

from pydantic import BaseModel, ConfigDict, TypeAdapter

from helios_worker.encode.audio.sound_plan import Seconds, SoundPlan

MARK: Final = struct.Struct("<qq")
"""The source in hand, -1 for none, and a count that goes on with each step."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class _Task(_Model):
    """files: paths of the sources. mark: path of a file of MARK. memory: most bytes. seconds: most CPU time."""

    files: tuple[str, ...]
    mark: str
    memory: int
    seconds: int


class MixTask(_Task):
    """A plan to mix. output: where the encoded sound goes. levels: where its levels go."""

    plan: SoundPlan
    output: str
    levels: str


class LengthTask(_Task):
    """Sources to open. names: for messages. wanted: whether to find the length of each."""

    names: tuple[str, ...]
    wanted: tuple[bool, ...]


class Length(_Model):
    """The length of each source in seconds, 0 where it was not asked for."""

    seconds: tuple[Seconds, ...]


class HeardSource(_Model):
    """What a source was heard for. source: its index. seconds: of the film, all its pieces together.

    ends: when it ended before its pieces, in seconds of the film; None where it did not. silent: whether nothing of it
    can be heard. damaged: packets that could not be decoded.
    """

    source: int
    seconds: float
    ends: float | None
    silent: bool
    damaged: int


class MixReport(_Model):
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


def task_in(line: bytes) -> MixTask | LengthTask:
    """The task in a line of JSON."""
    tasks: TypeAdapter[MixTask | LengthTask] = TypeAdapter(MixTask | LengthTask)
    return tasks.validate_json(line)


def decibels(gain: float) -> float | None:
    """A gain in dB; None for none at all."""
    return 20 * math.log10(gain) if gain > 0 else None
