"""Decoding and mixing in a process of their own: `python -m helios_worker.encode.audio.mix_process`.

Media come from strangers, and decoders have had faults that crash them, never end or take all memory. Here such a fault
ends a process that has limits and no secrets, and that says beforehand which source it turns to. The task comes,
pickled, on standard input; the result goes to standard output as JSON, since by then nobody knows who writes it. The
process ends with its standard input. Its start is a good part of a short mix, so it imports only what its task needs:
PyAV takes 0.07 s of CPU, numpy as much, the library that checks plans twice that.
"""

import os
import pickle
import resource
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from mmap import mmap
from pathlib import Path
from typing import Any

import av
import orjson

from helios_worker.encode.audio.errors import OutOfMemory, SoundUnusable
from helios_worker.encode.audio.one_cpu import compute_alike
from helios_worker.encode.audio.sound_file import SoundFile, first_frame
from helios_worker.encode.audio.tasks import MARK, LengthTask, Limits, MixTask
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
            if isinstance(task, MixTask):
                from helios_worker.encode.audio.mixing import mix

                answer = {"result": mix(task, mark.source)}
            else:
                answer = {"result": lengths(task, mark.source)}
    except SoundUnusable as error:
        answer = {"name": error.name, "problem": error.problem, "remedy": error.remedy}
    except OutOfMemory as error:
        answer = {"memory": True, "playing": error.playing}
    except MemoryError:
        answer = {"memory": True, "playing": 1}
    except ResourceError as error:
        answer = {"resource": error.message, "remedy": error.remedy}
    sys.stdout.buffer.write(orjson.dumps(answer))
    return 0


class _Mark:
    """What the parent sees of the work: the source in hand, and how far it is."""

    def __init__(self, memory: mmap) -> None:
        self._memory = memory
        self._count = 0

    def source(self, index: int) -> None:
        """A source is turned to, NONE or SEVERAL."""
        self._count += 1
        MARK.pack_into(self._memory, 0, index, self._count)


def lengths(task: LengthTask, working_on: Callable[[int], None]) -> list[str]:
    """How long sources are, in seconds, as fractions. Each is opened and begun, also where its length is not asked for.

    working_on: is told which source is next.
    """
    found: list[str] = []
    for index, (file, name, wanted) in enumerate(zip(task.files, task.names, task.wanted, strict=True)):
        working_on(index)
        opened = SoundFile(Path(file), name, 0)
        first_frame(opened.frames(), name)
        opened.close()
        found.append(_length(Path(file), name) if wanted else "0")
    return found


def _length(file: Path, name: str) -> str:
    from helios_worker.encode.audio.reader import SoundReader

    reader = SoundReader(file, name)
    try:
        return f"{reader.length()}/{reader.rate}"
    finally:
        reader.close()


def _limit(limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (limits.memory, limits.memory))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.seconds, limits.seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _end_with_input() -> None:
    """Ends this process when the one that started it has ended."""
    while os.read(0, 1 << 16):  # not sys.stdin's own lock, which the interpreter wants at its end
        pass
    os._exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    av.logging.set_level(av.logging.PANIC)
    sys.exit(main())
