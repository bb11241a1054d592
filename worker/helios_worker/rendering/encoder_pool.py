"""The encoding half of a chunk: captured pictures in at one end, in any order; proven encode units out."""

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
"""Pictures of a unit that may wait for its encoder before their lane is held back."""


@dataclass
class EncodeUnit:
    """The frames [first, end) of the grid, and their pictures on the way from a lane to an encoder.

    Where two lanes share a unit its pictures arrive out of order: those ahead of their turn are kept.
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
        """How many."""
        return self.end - self.first

    def ready(self) -> int:
        """How many pictures can be encoded now."""
        frame = self.next
        while frame in self.pictures:
            frame += 1
        return frame - self.next

    async def put(self, frame: int, picture: bytes) -> None:
        """Hands in a picture; waits while too many before it are still to be encoded."""
        async with self.changed:
            self.pictures[frame] = picture
            self.changed.notify_all()
            await self.changed.wait_for(lambda: self.ready() < BACKLOG)

    async def batch(self) -> list[bytes]:
        """The pictures whose turn it is, at least one."""
        async with self.changed:
            await self.changed.wait_for(self.ready)
            return [self.pictures[frame] for frame in range(self.next, self.next + self.ready())]

    async def encoded(self, count: int) -> None:
        """Lets go of the next `count` pictures."""
        async with self.changed:
            for frame in range(self.next, self.next + count):
                del self.pictures[frame]
            self.next += count
            self.changed.notify_all()


class EncoderSlot:
    """What one encoder at a time works with, kept from unit to unit."""

    def __init__(self, settings: EncoderSettings) -> None:
        self.decoder = PictureDecoder(settings)
        self.stills = StillUnits()

    def encode(self, encoder: UnitEncoder, pictures: list[bytes]) -> None:
        """Appends pictures to the unit that lies here."""
        for picture in pictures:
            encoder.encode(self.decoder.decode(picture))


class ChunkEncoder:
    """Encodes a run of frames, every unit of it into a file of its own, each decoded once as proof.

        async with TaskGroup() as group:
            group.create_task(encoder.run())
            ...                                # lanes: await encoder.put(frame, picture)

    slots: how many units are encoded at once, each in a thread; at least the number of lanes. Then no lane waits
    for a unit that has no slot while those that have one wait for pictures: a unit begun but not captured to its
    end is the one that some lane is at.
    on_frames: told how many more frames are encoded.
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
        """Hands in a frame's picture; waits while its unit has enough of them."""
        await self.units[frame // self._settings.unit_frames - self._first_cell].put(frame, picture)

    async def run(self) -> None:
        """Encodes until every frame has come.

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
        if digest in self._proven:  # a picture that stands still from unit to unit
            if file_digest(unit.path) != digest:
                raise CorruptSegment(str(unit.path), "is not what was written")
            return
        inspect_segment(unit.path, self._settings)
        self._proven.add(digest)


def cells(frames: range, unit: int) -> list[tuple[int, int]]:
    """First and end of the grid's cells over `frames`; those at the ends may be cut short.

    >>> cells(range(50, 130), 60)
    [(50, 60), (60, 120), (120, 130)]
    """
    grid = range(frames.start - frames.start % unit + unit, frames.stop, unit)
    return list(pairwise([frames.start, *grid, frames.stop]))


@asynccontextmanager
async def borrowed(slots: asyncio.Queue[EncoderSlot]) -> AsyncIterator[EncoderSlot]:
    """A slot, as soon as one is free."""
    slot = await slots.get()
    try:
        yield slot
    finally:
        slots.put_nowait(slot)


async def in_thread(threads: ThreadPoolExecutor, work: Callable[..., object], *args: object) -> None:
    """Runs `work` in a thread; when cancelled, still waits for it, for files are in its hands."""
    future = asyncio.get_running_loop().run_in_executor(threads, work, *args)
    try:
        await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise
