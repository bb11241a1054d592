"""The sound plan: what is heard in a film, and when, as a file that the mix alone depends on.

A plan names sources (files, by their SHA-256) and pieces of them on the film's timeline. It is an artifact of its own,
stored under its digest, which job.json names; a silent film has none. Times and positions are exact: a fraction of
seconds, written as "7/2", so that nothing drifts however a page or a request divides its sound.
"""

import operator
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from helios_worker.artifacts.digests import Sha256, canonical_json, json_digest
from helios_worker.encode.audio.score import MILLIONTH, Curve, Part, Score, Source, Turns, sample_at

MAX_PIECES = 200_000
MAX_SOURCES = 10_000
MAX_POINTS = 2_000_000
SLOWEST, FASTEST = Fraction(1, 16), Fraction(16)
"""Of a piece's rate: those of a media element's playbackRate."""
MAX_GAIN = 1000.0
"""60 dB."""
INAUDIBLE = 3e-5
"""A gain of -90 dB, below which it is all one."""
_DIGITS = 24
_FRACTION = re.compile(rf"-?[0-9]{{1,{_DIGITS}}}(?:/[0-9]{{1,{_DIGITS}}})?")


def _parse_fraction(value: Any) -> Fraction:
    """A fraction from "7/2", 3 or a Fraction; never from a rounded decimal."""
    if isinstance(value, Fraction):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Fraction(value)
    if isinstance(value, str) and _FRACTION.fullmatch(value):
        numerator, _, denominator = value.partition("/")
        if int(denominator or 1):
            return Fraction(int(numerator), int(denominator or 1))
    raise ValueError("is no exact number: write a fraction such as 7/2")


_Exact = Annotated[Fraction, BeforeValidator(_parse_fraction), PlainSerializer(str, return_type=str)]
Seconds = Annotated[_Exact, Field(ge=0, le=10**11)]
"""A time or a length; "7/2" in JSON."""
Rate = Annotated[_Exact, Field(ge=SLOWEST, le=FASTEST)]
_Millionths = Annotated[int, Field(ge=SLOWEST / MILLIONTH, le=FASTEST / MILLIONTH)]
Gain = Annotated[float, Field(ge=0, le=MAX_GAIN, allow_inf_nan=False)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class SoundSource(_Model):
    """A file with sound. sha256: of its blob in the artifact store.

    name: its author's name or address for it, for messages. stream: which of the file's audio streams, from 0.
    """

    sha256: Sha256
    name: str = Field(max_length=8192)
    stream: int = Field(default=0, ge=0, le=255, exclude_if=operator.not_)


class Loop(_Model):
    """The part of a source that repeats: at `end` its sound goes on from `start`. end: None for the source's end."""

    start: Seconds = Fraction(0)
    end: Seconds | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.end is not None and self.end <= self.start:
            raise ValueError("a loop ends before it starts")
        return self


class Envelope(_Model):
    """A gain that changes over the film's time. Between two points it is linear; before and after them it is constant.

    tick: seconds. points: (time in ticks, linear gain), in order. Two points of one time are a step: the second holds
    from then on.
    """

    tick: Annotated[_Exact, Field(gt=0, le=1000)]
    points: Annotated[tuple[tuple[Annotated[int, Field(ge=0, le=10**14)], Gain], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if any(after[0] < before[0] for before, after in pairwise(self.points)):
            raise ValueError("the points of an envelope are not in order")
        return self

    @classmethod
    def through(cls, points: Iterable[tuple[int, float]], tick: Fraction, *, tolerance: float = 0.003) -> Self:
        """An envelope through (time in ticks, gain), without the points that lie on the line between others.

        tolerance: how far a point that is left out may lie from the line, as a part of its gain: 0.003 is 0.03 dB.
        """
        bounded = [(time, min(max(float(f"{gain:.5g}"), 0.0), MAX_GAIN)) for time, gain in points]
        return cls(tick=tick, points=tuple(_thinned(bounded, tolerance)))

    def at(self, time: Fraction) -> float:
        """The gain at a time of the film in seconds."""
        ticks = time / self.tick
        after = bisect_right(self.points, ticks, key=lambda point: Fraction(point[0]))
        if after == 0 or after == len(self.points):
            return self.points[max(0, after - 1)][1]
        (start, low), (end, high) = self.points[after - 1], self.points[after]
        return low + (high - low) * float((ticks - start) / (end - start))


class RateCurve(_Model):
    """The rates of a piece after its first one. Each holds until the next; the source goes on without a jump.

    tick: seconds. points: (time of the film in ticks, rate in millionths), in order.
    """

    tick: Annotated[_Exact, Field(gt=0, le=1000)]
    points: Annotated[tuple[tuple[Annotated[int, Field(ge=0, le=10**14)], _Millionths], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if any(after[0] <= before[0] for before, after in pairwise(self.points)):
            raise ValueError("the points of a rate curve are not in order")
        return self

    @property
    def times(self) -> tuple[Fraction, Fraction]:
        """The first and the last time of a change, in seconds of the film."""
        return self.points[0][0] * self.tick, self.points[-1][0] * self.tick


class Piece(_Model):
    """A part of a source that is heard from `start` on, for `duration`, both in seconds of the film.

    source: index of it. position: where in the source it begins, in seconds of the source from its first sample.
    rate: seconds of the source per second of the film. rates: those that follow it; None where it stays the same.
    preservesPitch: whether another rate keeps the pitch.
    loop: what repeats; None to be silent after the source's end.
    gain: linear. envelope: index of one that `gain` is multiplied by, in the film's time.
    fadeIn, fadeOut: lengths of linear fades at the piece's start and end, in seconds.
    """

    source: int = Field(ge=0, lt=MAX_SOURCES)
    start: Seconds
    duration: Annotated[Seconds, Field(gt=0)]
    position: Seconds = Field(default=Fraction(0), exclude_if=operator.not_)
    rate: Rate = Field(default=Fraction(1), exclude_if=Fraction(1).__eq__)
    rates: RateCurve | None = Field(default=None, exclude_if=operator.not_)
    preservesPitch: bool = Field(default=True, exclude_if=bool)
    loop: Loop | None = Field(default=None, exclude_if=operator.not_)
    gain: Gain = Field(default=1.0, exclude_if=(1.0).__eq__)
    envelope: int | None = Field(default=None, ge=0, exclude_if=lambda index: index is None)
    fadeIn: Seconds = Field(default=Fraction(0), exclude_if=operator.not_)
    fadeOut: Seconds = Field(default=Fraction(0), exclude_if=operator.not_)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.rates is not None and not (self.start < self.rates.times[0] and self.rates.times[1] < self.end):
            raise ValueError("a piece changes its rate where it is not heard")
        return self

    @property
    def end(self) -> Fraction:
        """When it ends, in seconds of the film."""
        return self.start + self.duration

    @property
    def fastest(self) -> Fraction:
        """The highest of its rates."""
        return max([self.rate, *(rate * MILLIONTH for _, rate in (self.rates.points if self.rates else ()))])


class SoundEncoding(_Model):
    """How the mix is encoded. bitrate: kilobits per second. loudness: LUFS of the whole film; None: as it is mixed."""

    codec: Literal["aac", "opus"] = "aac"
    bitrate: int = Field(default=192, ge=8, le=512)
    loudness: float | None = Field(default=None, ge=-70, le=0, exclude_if=lambda value: value is None)


class SoundPlan(_Model):
    """All that is heard in a film.

    fps: of the film. first, end: the frames that are rendered; the sound begins and ends with them.
    """

    format: Literal[1] = 1
    fps: Annotated[_Exact, Field(gt=0, le=1000)]
    first: int = Field(default=0, ge=0, exclude_if=operator.not_)
    end: int = Field(ge=1)
    sources: tuple[SoundSource, ...] = Field(max_length=MAX_SOURCES)
    pieces: tuple[Piece, ...] = Field(max_length=MAX_PIECES)
    envelopes: tuple[Envelope, ...] = Field(default=(), exclude_if=operator.not_)
    encoding: SoundEncoding = SoundEncoding()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.end <= self.first:
            raise ValueError("a film of no frames has no sound")
        if any(piece.source >= len(self.sources) for piece in self.pieces):
            raise ValueError("a piece is of a source that is not there")
        if any(piece.envelope is not None and piece.envelope >= len(self.envelopes) for piece in self.pieces):
            raise ValueError("a piece has an envelope that is not there")
        points = sum(len(envelope.points) for envelope in self.envelopes)
        points += sum(len(piece.rates.points) for piece in self.pieces if piece.rates is not None)
        if points > MAX_POINTS:
            raise ValueError(f"its envelopes and rate curves have more than {MAX_POINTS} points")
        return self

    @property
    def first_sample(self) -> int:
        """The sample of the film's time that the sound begins with."""
        return sample_at(self.first / self.fps)

    @property
    def samples(self) -> int:
        """How many samples the film has."""
        return sample_at(self.end / self.fps) - self.first_sample

    def score(self, files: Sequence[Path]) -> Score:
        """What is mixed. files: local copies of the sources, in order."""
        return Score(
            first=self.first_sample,
            samples=self.samples,
            sources=tuple(
                Source(str(file), source.name, source.stream) for file, source in zip(files, self.sources, strict=True)
            ),
            parts=tuple(map(_part, self.pieces)),
            curves=tuple(Curve(envelope.tick, envelope.points) for envelope in self.envelopes),
            codec=self.encoding.codec,
            bitrate=self.encoding.bitrate,
            loudness=self.encoding.loudness,
        )

    @property
    def content(self) -> bytes:
        """The plan as it is stored."""
        return canonical_json(self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        """The digest of all its contents."""
        return json_digest(self.model_dump(mode="json"))


def _part(piece: Piece) -> Part:
    return Part(
        source=piece.source,
        start=piece.start,
        end=piece.end,
        position=piece.position,
        rate=piece.rate,
        turns=Turns(piece.rates.tick, piece.rates.points) if piece.rates is not None else None,
        keeps_pitch=piece.preservesPitch,
        loop=(piece.loop.start, piece.loop.end) if piece.loop is not None else None,
        gain=piece.gain,
        curve=piece.envelope,
        fade_in=piece.fadeIn,
        fade_out=piece.fadeOut,
    )


def _thinned(points: Sequence[tuple[int, float]], tolerance: float) -> list[tuple[int, float]]:
    """The points that a line needs to pass by all of them, in one pass: a cone from the last kept point narrows."""
    if len(points) < 3:
        return list(points)
    kept = [points[0]]
    low, high = float("-inf"), float("inf")
    for before, (time, gain) in pairwise(points[1:]):
        span = before[0] - kept[-1][0]
        if span > 0:
            room = max(tolerance * before[1], INAUDIBLE)
            low = max(low, (before[1] - room - kept[-1][1]) / span)
            high = min(high, (before[1] + room - kept[-1][1]) / span)
        ahead = time - kept[-1][0]
        slope = (gain - kept[-1][1]) / ahead if ahead else float("inf")
        is_step = time == before[0] or span == 0
        if is_step or not low <= slope <= high:
            if kept[-1] != before:
                kept.append(before)
            low, high = float("-inf"), float("inf")
    kept.append(points[-1])
    return kept
