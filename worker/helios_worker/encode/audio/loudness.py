"""The loudness of a mix, by FFmpeg's meter of EBU R128."""

from collections.abc import Iterable, Iterator

import av
from av.filter import Graph

from helios_worker.encode.audio.samples import Samples, frame_of
from helios_worker.encode.audio.score import SAMPLE_RATE

SILENT = -70.0
"""LUFS at which the meter's gate is: what is softer has no loudness."""


class LoudnessMeter:
    """Measures what passes through it."""

    def __init__(self) -> None:
        self._graph = Graph()
        self._graph.threads = 1
        arguments = f"sample_rate={SAMPLE_RATE}:sample_fmt=flt:channel_layout=stereo:time_base=1/{SAMPLE_RATE}"
        source = self._graph.add("abuffer", arguments)
        meter = self._graph.add("ebur128", "metadata=1:framelog=quiet:peak=none")
        sink = self._graph.add("abuffersink")
        source.link_to(meter)
        meter.link_to(sink)
        self._graph.configure()
        self._source, self._sink = source, sink
        self._count = 0
        self._integrated: float | None = None

    @property
    def integrated(self) -> float | None:
        """LUFS of all that has passed; None where it was too soft or too short to have a loudness."""
        return self._integrated

    def through(self, blocks: Iterable[Samples]) -> Iterator[Samples]:
        """The same blocks."""
        for block in blocks:
            self._push(block)
            yield block
        self._source.push(None)
        self._pull()

    def _push(self, block: Samples) -> None:
        self._source.push(frame_of(block, SAMPLE_RATE, self._count, is_planar=False))
        self._count += len(block)
        self._pull()

    def _pull(self) -> None:
        while True:
            try:
                frame = self._sink.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            assert isinstance(frame, av.AudioFrame)
            found = frame.metadata.get("lavfi.r128.I")
            if found is not None:
                self._integrated = float(found) if float(found) > SILENT else None
