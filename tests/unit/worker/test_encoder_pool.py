"""A chunk's encoders: pictures from any lane in any order make the same units, and a fault ends it at once."""

import asyncio
import random
from functools import cache
from pathlib import Path

import pytest

from helios_worker.encode.film.concat import concatenate
from helios_worker.encode.proof.segment import SegmentInfo, inspect_segment
from helios_worker.encode.video.settings import EncoderSettings
from helios_worker.errors import BadPicture, ResourceError
from helios_worker.rendering.encoder_pool import ChunkEncoder, cells
from helios_worker.rendering.work_stealing import WorkStealingQueue
from tests.unit.encode.builders import jpeg, picture, settings, shown_numbers, units

SETTINGS = settings()
UNIT = SETTINGS.unit_frames
DEADLINE = 60.0


@cache
def captured(frame: int) -> bytes:
    return jpeg(picture(frame))


async def encode(frames: range, folder: Path, *, lanes: int, seed: int) -> ChunkEncoder:
    """Lanes that capture at speeds of their own, as a chunk's do."""
    dice = random.Random(seed)
    encoder = ChunkEncoder(SETTINGS, frames, folder, slots=lanes, on_frames=lambda count: None)
    queue = WorkStealingQueue(frames, lanes=lanes, unit=UNIT)

    async def lane(number: int) -> None:
        while (piece := queue.take(number)) is not None:
            for frame in piece:
                for _ in range(dice.randrange(4)):
                    await asyncio.sleep(0)
                await encoder.put(frame, captured(frame))

    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as group:
        group.create_task(encoder.run())
        for number in range(lanes):
            group.create_task(lane(number))
    return encoder


@pytest.mark.parametrize("lanes", [1, 2, 3, 7])
@pytest.mark.parametrize("frames", [range(50), range(12, 40), range(2, 3), range(5, 29)], ids=str)
def test_lanes_do_not_change_a_byte(tmp_path, frames, lanes):
    encoder = asyncio.run(encode(frames, tmp_path, lanes=lanes, seed=lanes))
    assert [(unit.first, unit.end) for unit in encoder.units] == cells(frames, UNIT)
    whole = {unit.first: unit.path.read_bytes() for unit in encoder.units}
    if frames.start % UNIT == 0:
        expected = units(SETTINGS, frames.stop)[frames.start // UNIT :]
        assert list(whole.values()) == [unit.mp4 for unit in expected]
    film = tmp_path / "film.mp4"
    concatenate([unit.path for unit in encoder.units], film, SETTINGS, expected=[unit.frames for unit in encoder.units])
    assert shown_numbers(film) == list(frames)


def test_a_picture_that_stands_still_is_proven_once(tmp_path, monkeypatch):
    proofs = []

    def counted(path: Path, made: EncoderSettings) -> SegmentInfo:
        proofs.append(path)
        return inspect_segment(path, made)

    monkeypatch.setattr("helios_worker.rendering.encoder_pool.inspect_segment", counted)

    async def still() -> ChunkEncoder:
        encoder = ChunkEncoder(SETTINGS, range(4 * UNIT), tmp_path, slots=1, on_frames=lambda count: None)
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as group:
            group.create_task(encoder.run())
            for frame in range(4 * UNIT):
                await encoder.put(frame, captured(0))
        return encoder

    encoder = asyncio.run(still())
    assert len(proofs) == 1
    assert len({unit.path.read_bytes() for unit in encoder.units}) == 1


async def fail(folder: Path, pictures: dict[int, bytes]) -> None:
    encoder = ChunkEncoder(SETTINGS, range(3 * UNIT), folder, slots=2, on_frames=lambda count: None)
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as group:
        group.create_task(encoder.run())
        for frame in range(3 * UNIT):
            await encoder.put(frame, pictures.get(frame, captured(frame)))


def test_a_bad_picture_ends_the_chunk_and_holds_nobody(tmp_path):
    with pytest.raises(BaseExceptionGroup) as caught:
        asyncio.run(fail(tmp_path, {UNIT + 2: b"no picture"}))
    assert caught.group_contains(BadPicture, match="are not a jpeg")


def test_a_full_disk_is_told_apart(tmp_path):
    """/dev/full refuses every write as a full disk does."""
    (tmp_path / "unit-00000000.mp4").symlink_to("/dev/full")
    with pytest.raises(BaseExceptionGroup) as caught:
        asyncio.run(fail(tmp_path, {}))
    assert caught.group_contains(ResourceError, match="No space left")
