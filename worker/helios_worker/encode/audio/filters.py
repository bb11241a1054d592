"""Changes the rate of sound: resampling, and stretching with the pitch kept.

Resampling is FFmpeg's own with a long filter. From 96 to 48 kHz, tones above the new limit come back at -121 dB or
less, where FFmpeg's default lets them through at -19 dB, and what is below 20 kHz keeps its level within 0.01 dB
(measured). A kept pitch is FFmpeg's atempo.
"""

from collections.abc import Iterator
from fractions import Fraction
from itertools import count, pairwise
from typing import Protocol

import av
import numpy as np
from av.filter import Graph
from av.filter.context import FilterContext

from helios_worker.encode.audio.samples import Samples, frame_of, nothing
from helios_worker.encode.audio.score import SAMPLE_RATE

TAPS = 128
RESAMPLER = f"filter_size={TAPS}:cutoff=0.95:filter_type=kaiser:kaiser_beta=12:exact_rational=1"
MOST_PHASES = 1024
LARGEST = 2**19
"""Samples a second that FFmpeg resamples from and to, at most: at 1.2 million it finds no memory. A ratio is rounded to
such numbers."""
SLOW, QUICK = Fraction(1, 2), Fraction(2)
"""Of one atempo; beyond 2 it would leave samples out, so several follow each other."""
STRETCH_RATE = SAMPLE_RATE // 2
"""The rate that atempo is told, in Hz: its windows are then 21 ms long, as those of Chromium. With the 43 ms that it
takes by itself, a burst at half the speed begins up to 42 ms early."""
PULLED = 8192
"""Samples that a filter is given at once: always as many, so that no result depends on how it is asked."""


class Feed(Protocol):
    """Sound that goes on for ever; after its end it is silent."""

    def read(self, count: int) -> Samples:
        """The next samples, exactly as many."""
        ...


class BlockFeed:
    """A feed out of blocks of any length, which go on for ever."""

    def __init__(self, blocks: Iterator[Samples]) -> None:
        self._blocks = blocks
        self._ready: list[Samples] = []
        self._count = 0

    def read(self, count: int) -> Samples:
        """The next samples, exactly as many."""
        while self._count < count:
            block = next(self._blocks)
            self._ready.append(block)
            self._count += len(block)
        joined = self._ready[0] if len(self._ready) == 1 else np.concatenate(self._ready or [nothing()])
        self._ready, self._count = [joined[count:]], self._count - count
        return joined[:count]


def filtered(feed: Feed, rate: int, filters: list[tuple[str, str]]) -> Feed:
    """What FFmpeg's filters make of a feed.

    rate: of the feed, in Hz, as the filters are told. filters: names and arguments, in order.
    """
    graph = Graph()
    # By default each processor has one, and the stacks of 300 graphs would be more than the memory there is.
    graph.threads = 1
    stages = [("abuffer", f"sample_rate={rate}:sample_fmt=fltp:channel_layout=stereo:time_base=1/{rate}"), *filters]
    stages.append(("aformat", "sample_fmts=fltp:channel_layouts=stereo"))
    contexts = [graph.add(name, arguments) for name, arguments in stages]
    contexts.append(graph.add("abuffersink"))
    for before, after in pairwise(contexts):
        before.link_to(after)
    graph.configure()
    return BlockFeed(_through(feed, rate, graph, contexts[0], contexts[-1]))


def _through(feed: Feed, rate: int, graph: Graph, source: FilterContext, sink: FilterContext) -> Iterator[Samples]:
    """What comes out of a graph."""
    for pushed in count(0, PULLED):
        source.push(frame_of(feed.read(PULLED), rate, pushed))
        while True:
            try:
                frame = sink.pull()
            except (av.BlockingIOError, av.EOFError):
                break
            assert isinstance(frame, av.AudioFrame)
            yield np.ascontiguousarray(frame.to_ndarray().T)


def limited(ratio: Fraction) -> Fraction:
    """The nearest ratio that FFmpeg resamples by."""
    return ratio.limit_denominator(LARGEST) if ratio <= 1 else 1 / (1 / ratio).limit_denominator(LARGEST)


def resampled(feed: Feed, ratio: Fraction) -> Feed:
    """A feed with `ratio` as many samples; its first one is at the time of the feed's first. ratio: a limited one."""
    scale = max(1, 8000 // min(ratio.numerator, ratio.denominator))
    given, made = ratio.denominator * scale, ratio.numerator * scale
    between = ":linear_interp=1" if ratio.numerator > MOST_PHASES else ":linear_interp=0"
    return filtered(feed, given, [("aresample", f"out_sample_rate={made}:{RESAMPLER}{between}")])


def stretched(feed: Feed, rate: Fraction) -> Feed:
    """A feed of the mix's rate, played so many times as fast, with the same pitch. See stretch_lead."""
    steps, left = [], rate
    while not SLOW <= left <= QUICK:
        step = QUICK if left > 1 else SLOW
        steps.append(step)
        left /= step
    return filtered(feed, STRETCH_RATE, [("atempo", f"tempo={float(step):.12g}") for step in [*steps, left]])


def stretch_lead(rate: Fraction) -> Fraction:
    """By how many seconds what is stretched is early: the middle of bursts of 200 ms, measured at rates from 1/4 to 4.

    Their ends then lie within 10 ms at rates from 1/2 to 2, and mostly beyond.
    """
    return Fraction(3, 1000) if rate > 1 else Fraction(4, 1000) + Fraction(9, 1000) * (1 / rate - 1)
