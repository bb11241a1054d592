"""Runs one command and measures its whole process tree.

A program of its own: it becomes the reaper of every orphan below it (browsers outlive the node process that
started them), so that all descendants end up in its RUSAGE_CHILDREN, whoever their parent was.

    python -m bench.renderers.supervise SPEC.json RESULT.json
"""

import ctypes
import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_SAMPLE_SECONDS = 0.2
_LAST_WORDS_SECONDS = 3.0


@dataclass(frozen=True)
class Spec:
    """A command to measure.

    first_frame: a pattern in its output that says a frame was captured.
    grace: seconds in which what the command leaves behind may end by itself.
    """

    argv: list[str]
    cwd: str
    env: dict[str, str]
    log: str
    timeout: float
    first_frame: str | None = None
    grace: float = 3.0


@dataclass(frozen=True)
class Usage:
    """What a command cost. Seconds; memory in bytes: the highest sum of PSS seen over the whole tree."""

    exit_code: int | None
    wall: float
    cpu_user: float
    cpu_system: float
    peak_memory: int
    first_frame: float | None
    leftovers: int


def measure(spec: Spec, scratch: Path) -> Usage:
    """Runs the command in a supervisor process of its own. exit_code is None where it ran out of time."""
    spec_file, result_file = scratch / "spec.json", scratch / "usage.json"
    spec_file.write_text(json.dumps(asdict(spec)))
    result_file.unlink(missing_ok=True)
    subprocess.run([sys.executable, "-m", "bench.renderers.supervise", spec_file, result_file], check=True)
    return Usage(**json.loads(result_file.read_text()))


def supervise(spec: Spec) -> Usage:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    start = time.monotonic()
    process = subprocess.Popen(
        spec.argv,
        cwd=spec.cwd,
        env=spec.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    output = _Output(process, spec, start)
    memory = _Memory()
    exit_code: int | None = None
    try:
        exit_code = process.wait(spec.timeout)
    except subprocess.TimeoutExpired:
        pass
    finally:
        wall = time.monotonic() - start
        memory.stop()
        leftovers = _reap(grace=spec.grace if exit_code is not None else 0)
    output.thread.join(_LAST_WORDS_SECONDS)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Usage(exit_code, wall, usage.ru_utime, usage.ru_stime, memory.peak, output.first_frame, leftovers)


class _Output:
    """Copies the command's output to its log and notes when the first frame is announced."""

    def __init__(self, process: subprocess.Popen[str], spec: Spec, start: float) -> None:
        self.first_frame: float | None = None
        self.thread = threading.Thread(target=self._read, args=(process, spec, start), daemon=True)
        self.thread.start()

    def _read(self, process: subprocess.Popen[str], spec: Spec, start: float) -> None:
        assert process.stdout is not None
        pattern = re.compile(spec.first_frame) if spec.first_frame else None
        with Path(spec.log).open("w") as log:
            for line in process.stdout:
                if pattern and self.first_frame is None and pattern.search(line):
                    self.first_frame = time.monotonic() - start
                log.write(line)


class _Memory:
    """Samples the tree's proportional set size: shared pages count once, however many processes map them."""

    def __init__(self) -> None:
        self.peak = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stopped.wait(_SAMPLE_SECONDS):
            self.peak = max(self.peak, sum(_proportional_set_size(pid) for pid in _descendants()))


def _proportional_set_size(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _descendants() -> list[int]:
    """Every process below this one, zombies too."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    queue = [os.getpid()]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def _reap(grace: float) -> int:
    """Waits for every process left, ending what is there after the grace. How many were ended."""
    deadline = time.monotonic() + grace
    ended: set[int] = set()
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return len(ended)
        if pid:
            continue
        if time.monotonic() >= deadline:
            for below in _descendants():
                try:
                    os.kill(below, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                ended.add(below)
        time.sleep(0.02)


def main() -> None:
    spec = Spec(**json.loads(Path(sys.argv[1]).read_text()))
    Path(sys.argv[2]).write_text(json.dumps(asdict(supervise(spec))))


if __name__ == "__main__":
    main()
