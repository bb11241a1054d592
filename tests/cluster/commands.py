"""Running other programs, and saying what is being done."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.errors import ClusterError


def say(text: str) -> None:
    """One line of progress, on standard error: standard output belongs to what was asked for."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Says what is being done, and afterwards how long it took."""
    started = time.monotonic()
    say(f" • {name} ...")
    yield
    say(f" ✓ {name} ({time.monotonic() - started:.1f} s)")


def run(
    *command: str | Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    data: str | None = None,
    timeout: float | None = None,
) -> str:
    """Runs a program to its end and returns its standard output.

    Raises:
        ClusterError: it failed, is missing, or took longer than `timeout` seconds; with the end of what it said.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, env=env, cwd=cwd, input=data, timeout=timeout, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise ClusterError(f"{words[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise ClusterError(f"`{' '.join(words[:6])}` took longer than {timeout:.0f} s") from None
    if done.returncode != 0:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        raise ClusterError(f"`{' '.join(words[:6])}` ended with {done.returncode}:\n{said}")
    return done.stdout


def succeeds(*command: str | Path, env: Mapping[str, str] | None = None, timeout: float = 30) -> bool:
    """Whether a program ends with 0. What it says is dropped."""
    try:
        run(*command, env=env, timeout=timeout)
    except ClusterError:
        return False
    return True


def tail(path: Path, lines: int = 15) -> str:
    """The end of a log, for a message."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return "(no log)"


def check_call(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
    """Runs a program whose progress people want to see. Its output goes where ours does: standard error.

    Raises:
        ClusterError: it failed or is missing.
    """
    try:
        code = subprocess.run([str(word) for word in command], env=env, stdout=sys.stderr, check=False).returncode
    except FileNotFoundError:
        raise ClusterError(f"{command[0]} is not installed") from None
    if code:
        raise ClusterError(f"`{' '.join(map(str, command[:4]))}` ended with {code}")


def pipe(source: Sequence[str | Path], sink: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
    """Feeds one program's standard output into another.

    Raises:
        ClusterError: either failed; with what the second one said.
    """
    with subprocess.Popen([str(word) for word in source], stdout=subprocess.PIPE, env=env) as first:
        words = [str(word) for word in sink]
        second = subprocess.run(words, stdin=first.stdout, capture_output=True, text=True, check=False, env=env)
        assert first.stdout is not None
        first.stdout.close()  # if the second gave up, the first hears of it
    if second.returncode or first.returncode:
        raise ClusterError(
            f"`{' '.join(map(str, source))} | {' '.join(words)}` failed: {second.stderr.strip()[-2000:]}"
        )
