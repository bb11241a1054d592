"""Mixes a sound plan in a process of its own, and says what was wrong where that process ends without an answer."""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

import orjson
from pydantic import TypeAdapter

from helios_worker.encode.audio.errors import SoundUnusable
from helios_worker.encode.audio.score import SAMPLE_RATE
from helios_worker.encode.audio.sound_plan import Seconds, SoundPlan
from helios_worker.encode.audio.tasks import MARK, NONE, SEVERAL, LengthTask, Limits, MixReport, MixTask
from helios_worker.errors import HeliosError, ResourceError, UserError
from helios_worker.machine import cpu_count

MODULE = "helios_worker.encode.audio.mix_process"
MEMORY = 2 << 30
"""Bytes that the process may write to, beside the files it reads. 300 tracks at once take about 500 MiB."""
MANY = 100
"""Sounds at once, of which no single one is to blame for the memory that they take."""
MOST_THREADS = 4
"""That decode at once, on a processor each. One more encodes, and takes as long as they do for 20 tracks."""
STALL = 120.0
"""Seconds of real time after which a source that gives nothing is given up. A place in hours of MP3 is found in ten."""
CPU_SECONDS, CPU_SHARE = 300, 1.0
"""CPU time of a mix: a fixed part, and a part of the seconds of sound that it decodes."""
KEPT_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")
REMEDY = "convert it to WAV or FLAC, which gives a clean file"


@dataclass(frozen=True)
class Mix:
    """A mix. file: the encoded sound. levels: of the mix before, for encode.audio.levels. report: what was heard."""

    file: Path
    levels: Path
    report: MixReport


def mix_sound(plan: SoundPlan, files: Sequence[Path], folder: Path) -> Mix:
    """Mixes and encodes a plan into a folder.

    files: of the plan's sources, in order.

    Raises:
        SoundUnusable: a source cannot be heard.
        ResourceError: there is not enough memory.
    """
    output, levels = folder / "sound.mp4", folder / "sound.levels"
    decoded = sum(float(piece.duration * piece.fastest) for piece in plan.pieces) + plan.samples / SAMPLE_RATE
    threads = max(1, min(MOST_THREADS, cpu_count() - 1))
    task = MixTask(plan.score(files), str(output), str(levels), threads)
    seconds = int(CPU_SECONDS + CPU_SHARE * decoded * (2 if plan.encoding.loudness is not None else 1))
    answer = _answer(task, [source.name for source in plan.sources], folder, seconds)
    return Mix(output, levels, TypeAdapter(MixReport).validate_python(answer))


def sound_lengths(
    files: Sequence[Path], names: Sequence[str], wanted: Sequence[bool], scratch: Path
) -> tuple[Fraction, ...]:
    """Opens sources, and finds the lengths that are wanted, in seconds; 0 for the others.

    Raises:
        SoundUnusable: one of them cannot be heard.
    """
    with TemporaryDirectory(prefix="helios-sound-", dir=scratch) as folder:
        task = LengthTask(tuple(map(str, files)), tuple(names), tuple(wanted))
        answer = _answer(task, names, Path(folder), CPU_SECONDS * max(1, len(files)))
    lengths: tuple[Fraction, ...] = TypeAdapter(tuple[Seconds, ...]).validate_python(answer)
    return lengths


def open_sounds(files: Sequence[Path], names: Sequence[str], scratch: Path) -> list[SoundUnusable | None]:
    """What is wrong with each of some sources, None where one can be heard. names: all different."""
    problems: dict[str, SoundUnusable] = {}
    while left := [(file, name) for file, name in zip(files, names, strict=True) if name not in problems]:
        try:
            sound_lengths([file for file, _ in left], [name for _, name in left], [False] * len(left), scratch)
            break
        except SoundUnusable as error:
            problems[error.name] = error
    return [problems.get(name) for name in names]


def _answer(task: MixTask | LengthTask, names: Sequence[str], folder: Path, seconds: int) -> Any:
    """The result of a task. seconds: of CPU time that it may take."""
    end = _run(task, folder, seconds)
    if end.index == SEVERAL and isinstance(task, MixTask) and end.is_of_a_source:
        end = _run(replace(task, threads=1), folder, seconds)  # one at a time, to know which one it is
    name = names[end.index] if 0 <= end.index < len(names) else None
    if end.answer is not None:
        return _result(end.answer, name)
    raise _failure(end.code, name, stalled=end.stalled, complained=end.complained)


@dataclass(frozen=True)
class _End:
    """How the process ended. code: its exit code. answer: None where it gave none. index: of the source in hand.

    stalled: whether it was given up. complained: the end of what it wrote to standard error.
    """

    code: int
    answer: dict[str, Any] | None
    index: int
    stalled: bool
    complained: str

    @property
    def is_of_a_source(self) -> bool:
        """Whether a source is to blame of which there is no word yet."""
        if self.answer is not None:
            return "memory" in self.answer
        return self.stalled or self.code != -signal.SIGKILL


def _run(task: MixTask | LengthTask, folder: Path, seconds: int) -> _End:
    mark = folder / "sound.mark"
    limits = Limits(mark=str(mark), memory=MEMORY, seconds=seconds)
    mark.write_bytes(MARK.pack(NONE, 0))
    with TemporaryFile(dir=folder) as output, TemporaryFile(dir=folder) as errors:
        process = subprocess.Popen(
            [sys.executable, "-S", "-P", "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=errors,
            env=_environment(),
            start_new_session=True,
        )
        try:
            stalled = _watch(process, pickle.dumps((limits, task)), mark)
        finally:
            process.kill()
            process.wait()
            if process.stdin is not None:
                process.stdin.close()
        output.seek(0)
        errors.seek(0)
        said, complained = output.read(), errors.read()[-2000:].decode(errors="replace").strip()
    return _End(
        code=process.returncode,
        answer=orjson.loads(said) if process.returncode == 0 and said else None,
        index=MARK.unpack(mark.read_bytes())[0],
        stalled=stalled,
        complained=complained,
    )


def _watch(process: "subprocess.Popen[bytes]", request: bytes, mark: Path) -> bool:
    """Waits for the process, or until it stands still for too long. Returns whether it did."""
    assert process.stdin is not None
    try:
        process.stdin.write(request)
        process.stdin.flush()
    except BrokenPipeError:  # it has ended, and its exit code says why
        pass
    seen, since = b"", time.monotonic()
    while True:
        try:
            process.wait(timeout=1)
            return False
        except subprocess.TimeoutExpired:
            pass
        now = mark.read_bytes()
        if now != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > STALL:
            return True


def _result(answer: dict[str, Any], name: str | None) -> Any:
    if "result" in answer:
        return answer["result"]
    if "memory" in answer:
        raise _too_large(name, answer["playing"])
    if "resource" in answer:
        raise ResourceError(answer["resource"], remedy=answer["remedy"])
    raise SoundUnusable(answer["name"], answer["problem"], remedy=answer["remedy"])


def _failure(code: int, name: str | None, *, stalled: bool, complained: str) -> HeliosError:
    if stalled and name is not None:
        return SoundUnusable(name, f"cannot be decoded: nothing came of it for {STALL:.0f} s", remedy=REMEDY)
    if code == -signal.SIGXCPU and name is not None:
        return SoundUnusable(name, "cannot be decoded: it takes too long", remedy=REMEDY)
    if code == -signal.SIGKILL:
        return ResourceError("the process that mixes the sound was killed, most likely for want of memory")
    if code < 0 and name is not None:
        return SoundUnusable(name, f"crashes its decoder ({signal.Signals(-code).name})", remedy=REMEDY)
    last = complained.splitlines()[-1] if complained else f"exit code {code}"
    return HeliosError(f"the sound cannot be mixed{f', at {name}' if name is not None else ''}: {last}")


def _too_large(name: str | None, playing: int) -> HeliosError:
    if playing > MANY:
        problem = f"the film plays {playing} sounds at once, which take more than {MEMORY >> 20} MiB of memory"
        return UserError(problem, remedy="play fewer at once, or mix some of them into one file")
    if name is None:
        return ResourceError(f"the sound cannot be mixed in {MEMORY >> 20} MiB of memory")
    return SoundUnusable(name, f"cannot be decoded: it takes more than {MEMORY >> 20} MiB of memory", remedy=REMEDY)


def _environment() -> dict[str, str]:
    """What the process needs of this one's environment, which may hold secrets."""
    kept = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OPENBLAS_NUM_THREADS": "1"}
