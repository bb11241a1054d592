"""Encodes a chunk: takes captured pictures in any order, and writes encode units that were decoded as proof."""

import asyncio
import hashlib
from asyncio import TaskGroup
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from helios_worker.artifacts.digests import file_digest
from helios_worker.encode.mp4.output import write_errors
from helios_worker.encode.proof.segment import inspect_segment
from helios_worker.encode.video.picture import PictureDecoder
from helios_worker.encode.video.settings import EncoderSettings
from helios_worker.encode.video.unit import StillUnits, UnitEncoder
from helios_worker.errors import CorruptSegment

BACKLOG = 12
"""Pictures of a unit that may wait for its encoder before their lane has to wait, too."""


@dataclass
class EncodeUnit:
    """The frames [first, end) of one grid cell, and their pictures between a lane and an encoder.

    Two lanes may share a unit. Its pictures then arrive out of order, and those that are early are kept.
    """

    first: int
    end: int
    path: Path
    next: int = field(init=False)
    pictures: dict[int, bytes] = field(default_factory=dict)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self.next = self.first

    @property
    def frames(self) -> int:
        """Number of frames."""
        return self.end - self.first

    def ready(self) -> int:
        """Number of pictures that can be encoded now."""
        frame = self.next
        while frame in self.pictures:
            frame += 1
        return frame - self.next

    async def put(self, frame: int, picture: bytes) -> None:
        """Adds a picture. Waits while too many pictures before it are not encoded yet."""
        async with self.changed:
            self.pictures[frame] = picture
            self.changed.notify_all()
            await self.changed.wait_for(lambda: self.ready() < BACKLOG)

    async def batch(self) -> list[bytes]:
        """The next pictures in order, at least one."""
        async with self.changed:
            await self.changed.wait_for(self.ready)
            return [self.pictures[frame] for frame in range(self.next, self.next + self.ready())]

    async def encoded(self, count: int) -> None:
        """Drops the next `count` pictures."""
        async with self.changed:
            for frame in range(self.next, self.next + count):
                del self.pictures[frame]
            self.next += count
            self.changed.notify_all()


class EncoderSlot:
    """The decoder and the cache that one encoder at a time uses, kept from unit to unit."""

    def __init__(self, settings: EncoderSettings) -> None:
        self.decoder = PictureDecoder(settings)
        self.stills = StillUnits()

    def encode(self, encoder: UnitEncoder, pictures: list[bytes]) -> None:
        """Appends pictures to a unit."""
        for picture in pictures:
            encoder.encode(self.decoder.decode(picture))


class ChunkEncoder:
    """Encodes a run of frames. Writes each unit to its own file and decodes it once as proof.

        async with TaskGroup() as group:
            group.create_task(encoder.run())
            ...                                # lanes: await encoder.put(frame, picture)

    slots: how many units are encoded at once, each in a thread; at least the number of lanes. With fewer, a lane could
    wait for a unit without a slot while all units with a slot wait for pictures. Only units that a lane is working on
    are incomplete, so there are never more of them than lanes.
    on_frames: called with the number of frames newly encoded.
    """

    def __init__(
        self,
        settings: EncoderSettings,
        frames: range,
        folder: Path,
        *,
        slots: int,
        on_frames: Callable[[int], None],
    ) -> None:
        self._settings = settings
        self._on_frames = on_frames
        self.units = [
            EncodeUnit(start, stop, folder / f"unit-{start:08}.mp4")
            for start, stop in cells(frames, settings.unit_frames)
        ]
        self._first_cell = frames.start // settings.unit_frames
        self._slots = slots
        self._proven: set[str] = set()

    async def put(self, frame: int, picture: bytes) -> None:
        """Adds a frame's picture. Waits while its unit has enough of them."""
        await self.units[frame // self._settings.unit_frames - self._first_cell].put(frame, picture)

    async def run(self) -> None:
        """Encodes until every frame is encoded.

        Raises:
            BadPicture, EncodeError, CorruptSegment: as soon as one unit fails.
        """
        slots: asyncio.Queue[EncoderSlot] = asyncio.Queue()
        for _ in range(self._slots):
            slots.put_nowait(EncoderSlot(self._settings))
        with ThreadPoolExecutor(max_workers=self._slots, thread_name_prefix="encode") as threads:
            async with TaskGroup() as group:
                for unit in self.units:
                    group.create_task(self._encode(unit, slots, threads))

    async def _encode(self, unit: EncodeUnit, slots: asyncio.Queue[EncoderSlot], threads: ThreadPoolExecutor) -> None:
        await unit.batch()
        async with borrowed(slots) as slot:
            encoder = UnitEncoder(self._settings, stills=slot.stills)
            while unit.next < unit.end:
                pictures = await unit.batch()
                await in_thread(threads, slot.encode, encoder, pictures)
                await unit.encoded(len(pictures))
                self._on_frames(len(pictures))
            await in_thread(threads, self._finish, unit, encoder)

    def _finish(self, unit: EncodeUnit, encoder: UnitEncoder) -> None:
        data = encoder.finish().mp4
        digest = hashlib.sha256(data).hexdigest()
        with write_errors(unit.path):
            unit.path.write_bytes(data)
        if digest in self._proven:  # the same picture throughout this unit and one before
            if file_digest(unit.path) != digest:
                raise CorruptSegment(str(unit.path), "is not what was written")
            return
        inspect_segment(unit.path, self._settings)
        self._proven.add(digest)


def cells(frames: range, unit: int) -> list[tuple[int, int]]:
    """First frame and end of each grid cell over `frames`. The first and the last cell may be partial.

    >>> cells(range(50, 130), 60)
    [(50, 60), (60, 120), (120, 130)]
    """
    grid = range(frames.start - frames.start % unit + unit, frames.stop, unit)
    return list(pairwise([frames.start, *grid, frames.stop]))


@asynccontextmanager
async def borrowed(slots: asyncio.Queue[EncoderSlot]) -> AsyncIterator[EncoderSlot]:
    """Waits for a free slot and returns it to the queue at the end of the block."""
    slot = await slots.get()
    try:
        yield slot
    finally:
        slots.put_nowait(slot)


async def in_thread(threads: ThreadPoolExecutor, work: Callable[..., object], *args: object) -> None:
    """Runs `work` in a thread. When cancelled, still waits for its end, since it has files open."""
    future = asyncio.get_running_loop().run_in_executor(threads, work, *args)
    try:
        await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise
