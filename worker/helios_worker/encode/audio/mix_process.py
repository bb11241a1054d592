"""Decoding and mixing in a process of their own: `python -m helios_worker.encode.audio.mix_process`.

Media come from strangers, and decoders have had faults that crash them, never end or take all memory. Here such a fault
ends a process that has limits and no secrets, and that says beforehand which source it turns to. The task comes,
pickled, on standard input; the result goes to standard output as JSON, since by then nobody knows who writes it. The
process ends with its standard input. It imports only what decoding and mixing need, since its
start is a good part of a short mix.
"""

import os
import pickle
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from mmap import mmap
from pathlib import Path
from typing import Any

import av
import orjson

from helios_worker.encode.audio.encoder import encode_sound
from helios_worker.encode.audio.errors import SoundUnusable
from helios_worker.encode.audio.levels import write_levels
from helios_worker.encode.audio.limiter import Limiter
from helios_worker.encode.audio.loudness import LoudnessMeter
from helios_worker.encode.audio.mixer import Mixer
from helios_worker.encode.audio.one_cpu import compute_alike
from helios_worker.encode.audio.reader import SoundReader
from helios_worker.encode.audio.samples import Samples
from helios_worker.encode.audio.tasks import (
    MARK,
    HeardSource,
    LengthTask,
    Limits,
    MixReport,
    MixTask,
    decibels,
)
from helios_worker.errors import ResourceError


def main() -> int:
    """Carries out the one task. Returns the exit code."""
    limits, task = pickle.load(sys.stdin.buffer)  # noqa: S301 (the parent's)
    _limit(limits)
    compute_alike()
    threading.Thread(target=_end_with_input, daemon=True).start()
    answer: dict[str, Any]
    try:
        with Path(limits.mark).open("r+b") as file, mmap(file.fileno(), MARK.size) as memory:
            mark = _Mark(memory)
            answer = {"result": mix(task, mark) if isinstance(task, MixTask) else lengths(task, mark)}
    except SoundUnusable as error:
        answer = {"name": error.name, "problem": error.problem, "remedy": error.remedy}
    except _OutOfMemory as error:
        answer = {"memory": True, "playing": error.playing}
    except MemoryError:
        answer = {"memory": True, "playing": 1}
    except ResourceError as error:
        answer = {"resource": error.message, "remedy": error.remedy}
    sys.stdout.buffer.write(orjson.dumps(answer))
    return 0


class _OutOfMemory(Exception):
    """There is not enough memory. playing: pieces that were open."""

    def __init__(self, playing: int) -> None:
        super().__init__(playing)
        self.playing = playing


class _Mark:
    """What the parent sees of the work: the source in hand, and how far it is."""

    def __init__(self, memory: mmap) -> None:
        self._memory = memory
        self._count = 0

    def source(self, index: int) -> None:
        """A source is turned to; -1: none."""
        self._count += 1
        MARK.pack_into(self._memory, 0, index, self._count)


def mix(task: MixTask, mark: _Mark) -> MixReport:
    """Mixes a score and encodes it."""
    mixer = Mixer(task.score, working_on=mark.source)
    try:
        return _mixed(task, mixer)
    except MemoryError:
        raise _OutOfMemory(mixer.playing) from None


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
        blocks = limiter.blocks(_amplified(mixer.blocks(), gain))
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


def _amplified(blocks: Iterator[Samples], gain: float) -> Iterator[Samples]:
    for block in blocks:
        yield block if gain == 1 else block * block.dtype.type(gain)


def lengths(task: LengthTask, mark: _Mark) -> list[str]:
    """How long sources are, in seconds, as fractions. Each is opened, also where its length is not asked for."""
    found: list[str] = []
    for index, (file, name, wanted) in enumerate(zip(task.files, task.names, task.wanted, strict=True)):
        mark.source(index)
        reader = SoundReader(Path(file), name)
        found.append(f"{reader.length()}/{reader.rate}" if wanted else "0")
        reader.close()
    return found


def _limit(limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (limits.memory, limits.memory))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.seconds, limits.seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _highest_memory() -> int:
    """Bytes of memory that this process took at most. What getrusage says includes the process that started it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _end_with_input() -> None:
    """Ends this process when the one that started it has ended."""
    while os.read(0, 1 << 16):  # not sys.stdin's own lock, which the interpreter wants at its end
        pass
    os._exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    av.logging.set_level(av.logging.PANIC)
    sys.exit(main())
