"""A lane's encoder: pictures in any order at one end, a segment file of whole units at the other."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from helios_worker.encode.picture import PictureDecoder
from helios_worker.encode.segment import SegmentWriter, inspect_segment
from helios_worker.encode.settings import EncoderSettings
from helios_worker.encode.unit import StillUnits, UnitEncoder

BACKLOG = 12
"""Pictures that may wait for the encoder before the browser is held back."""


class LaneEncoder:
    """Encodes the units in [first, end) as their pictures come in, in a thread, one unit after the other.

    The pictures of a unit that two lanes share arrive out of order: those ahead of their turn are kept, at
    most a unit of them.
    """

    def __init__(
        self,
        settings: EncoderSettings,
        path: Path,
        first: int,
        end: int,
        threads: ThreadPoolExecutor,
        on_frames: Callable[[int], None],
    ) -> None:
        self.path = path
        self.first = first
        self.end = end
        self._settings = settings
        self._threads = threads
        self._on_frames = on_frames
        self._waiting: dict[int, bytes] = {}
        self._next = first
        self._changed = asyncio.Condition()
        self._decoder = PictureDecoder(settings)
        self._stills = StillUnits()

    @property
    def frames(self) -> int:
        """How many frames its file will hold."""
        return self.end - self.first

    async def put(self, frame: int, picture: bytes) -> None:
        """Hands in a picture; waits while too many before it are still to be encoded."""
        async with self._changed:
            self._waiting[frame] = picture
            self._changed.notify_all()
            await self._changed.wait_for(lambda: self._ready() < BACKLOG)

    def _ready(self) -> int:
        frame = self._next
        while frame in self._waiting:
            frame += 1
        return frame - self._next

    async def run(self) -> None:
        """Encodes until every frame of [first, end) has come; the file is then whole and proven."""
        if not self.frames:
            return
        unit_frames = self._settings.unit_frames
        with SegmentWriter(self.path, self._settings) as writer:
            unit = UnitEncoder(self._settings, stills=self._stills)
            while self._next < self.end:
                async with self._changed:
                    await self._changed.wait_for(self._ready)
                    unit_end = min(self._next - self._next % unit_frames + unit_frames, self.end)
                    batch = [self._waiting[n] for n in range(self._next, min(self._next + self._ready(), unit_end))]
                await self._in_thread(self._encode, unit, batch)
                async with self._changed:
                    for frame in range(self._next, self._next + len(batch)):
                        del self._waiting[frame]
                    self._next += len(batch)
                    self._changed.notify_all()
                self._on_frames(len(batch))
                if self._next == unit_end:
                    await self._in_thread(lambda done: writer.append(done.finish()), unit)
                    unit = UnitEncoder(self._settings, stills=self._stills)
            await self._in_thread(writer.close)
        await self._in_thread(inspect_segment, self.path, self._settings)

    def _encode(self, unit: UnitEncoder, batch: list[bytes]) -> None:
        for picture in batch:
            unit.encode(self._decoder.decode(picture))

    async def _in_thread(self, work: Callable[..., object], *args: object) -> None:
        """Runs `work` in the lane's thread; when cancelled, still waits for it, for the file is in its hands."""
        future = asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise
