"""From a score to a file of encoded sound, with what was heard."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from helios_worker.encode.audio.encoder import encode_sound
from helios_worker.encode.audio.errors import OutOfMemory
from helios_worker.encode.audio.levels import write_levels
from helios_worker.encode.audio.limiter import Limiter
from helios_worker.encode.audio.loudness import LoudnessMeter
from helios_worker.encode.audio.mixer import Mixer
from helios_worker.encode.audio.samples import Samples
from helios_worker.encode.audio.tasks import HeardSource, MixReport, MixTask, decibels


def mix(task: MixTask, working_on: Callable[[int], None]) -> MixReport:
    """Mixes a score and encodes it. working_on: is told which source is decoded next.

    Raises:
        SoundUnusable: a source cannot be heard.
        OutOfMemory: there is not enough memory.
    """
    mixer = Mixer(task.score, threads=task.threads, working_on=working_on)
    try:
        return _mixed(task, mixer)
    except MemoryError:
        raise OutOfMemory(mixer.playing) from None


def _mixed(task: MixTask, mixer: Mixer) -> MixReport:
    score, gain = task.score, 1.0
    if score.loudness is not None:
        meter = LoudnessMeter()
        for _ in meter.through(mixer.blocks()):
            pass
        if meter.integrated is not None:
            gain = float(f"{10 ** ((score.loudness - meter.integrated) / 20):.6g}")
        mixer.heard.clear()
    limiter, meter = Limiter(), LoudnessMeter()
    with Path(task.levels).open("wb") as levels:
        blocks = _ahead(limiter.blocks(_amplified(mixer.blocks(), gain)))
        blocks = write_levels(meter.through(blocks), levels)
        samples = encode_sound(blocks, Path(task.output), score.codec, score.bitrate)
    return MixReport(
        samples=samples,
        gain=decibels(gain) or 0.0,
        peak=decibels(limiter.highest),
        limited=limiter.limited,
        lowest=decibels(limiter.deepest) or 0.0,
        loudness=meter.integrated,
        memory=_highest_memory(),
        heard=tuple(
            HeardSource(
                source=index,
                seconds=float(heard.seconds),
                ends=None if heard.ends is None else float(heard.ends),
                silent=heard.silent,
                damaged=heard.damaged,
            )
            for index, heard in sorted(mixer.heard.items())
        ),
    )


def _ahead(blocks: Iterator[Samples]) -> Iterator[Samples]:
    """The blocks, each made in another thread while the one before is encoded. FFmpeg lets both go on at once."""
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, blocks, None)
        while (block := following.result()) is not None:
            following = thread.submit(next, blocks, None)
            yield block


def _amplified(blocks: Iterator[Samples], gain: float) -> Iterator[Samples]:
    for block in blocks:
        yield block if gain == 1 else block * block.dtype.type(gain)


def _highest_memory() -> int:
    """Bytes of memory that this process took at most. What getrusage says includes the process that started it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
