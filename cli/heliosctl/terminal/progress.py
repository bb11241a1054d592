"""Progress of a render: a bar on a terminal, a plain line every few seconds elsewhere.

Long, because the bar, the lines and silence answer the same events.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

from helios_crds.remedies import in_flags
from helios_crds.text import SLOW_MARK
from helios_crds.wire import Stage
from helios_worker.jobs.spec import JobSpec
from heliosctl.terminal.report import message, print_labelled, time_text

LINE_SECONDS = 5.0
ROOMY_COLUMNS = 90
NAMES = {Stage.PLAN: "Planning", Stage.CHUNK: "Rendering", Stage.STITCH: "Joining"}


class Listener(Protocol):
    """Receives the events of a render."""

    def stage(self, stage: Stage) -> None:
        """A stage begins."""

    def planned(self, job: JobSpec, cached: set[int]) -> None:
        """The plan is made; `cached` are the chunks that are done already."""

    def frames(self, chunk: int, count: int) -> None:
        """`count` more frames of a chunk are encoded."""

    def finished(self, chunk: int) -> None:
        """A chunk is committed."""

    def failed(self, chunk: int, why: str) -> None:
        """A chunk's frames are lost; it will be rendered again."""

    def say(self, line: str) -> None:
        """A message for the user."""


@dataclass
class Tally:
    """Frames and chunks done so far. cached: frames that were done at the start. Times are passed in, monotonic."""

    total: int = 0
    chunks: dict[int, int] = field(default_factory=dict)
    done: dict[int, int] = field(default_factory=dict)
    finished: set[int] = field(default_factory=set)
    cached: int = 0
    began: float | None = None

    @classmethod
    def of(cls, job: JobSpec, cached: set[int]) -> "Tally":
        """The tally at the start of a render, with these chunks done."""
        sizes = {chunk.id: chunk.frameCount for chunk in job.chunks}
        done = {index: sizes[index] for index in cached}
        return cls(sum(sizes.values()), sizes, done, set(cached), sum(done.values()))

    @property
    def frames(self) -> int:
        """Frames that are done."""
        return sum(self.done.values())

    def add(self, chunk: int, count: int, now: float) -> None:
        """More frames of a chunk."""
        self.began = now if self.began is None else self.began
        self.done[chunk] = min(self.done.get(chunk, 0) + count, self.chunks.get(chunk, 0))

    def finish(self, chunk: int) -> None:
        """A chunk is done."""
        self.done[chunk] = self.chunks[chunk]
        self.finished.add(chunk)

    def lose(self, chunk: int) -> None:
        """A chunk starts again."""
        self.cached -= self.chunks[chunk] if chunk in self.finished else 0
        self.cached = max(0, self.cached)
        self.done.pop(chunk, None)
        self.finished.discard(chunk)

    def rate(self, now: float) -> float | None:
        """Frames per second of this run, without cached chunks; None before there is a measurement."""
        rendered = self.frames - self.cached
        if self.began is None or rendered <= 0 or now - self.began < 0.5:
            return None
        return rendered / (now - self.began)

    def remaining(self, now: float) -> float | None:
        """Seconds until the last frame, at the rate so far."""
        rate = self.rate(now)
        return None if rate is None else (self.total - self.frames) / rate

    def line(self, now: float) -> str:
        """The tally in one line."""
        rate, remaining = self.rate(now), self.remaining(now)
        parts = [f"{self.frames} of {self.total} frames"]
        if rate is not None:
            parts.append(f"{rate:.1f} fps")
        parts.append(f"{len(self.finished)} of {len(self.chunks)} chunks done")
        if remaining is not None and self.frames < self.total:
            parts.append(f"{time_text(remaining)} left")
        return ", ".join(parts)


class Silent:
    """A Listener that shows nothing."""

    def stage(self, stage: Stage) -> None:
        """Nothing."""

    def planned(self, job: JobSpec, cached: set[int]) -> None:
        """Nothing."""

    def frames(self, chunk: int, count: int) -> None:
        """Nothing."""

    def finished(self, chunk: int) -> None:
        """Nothing."""

    def failed(self, chunk: int, why: str) -> None:
        """Nothing."""

    def say(self, line: str) -> None:
        """Nothing."""


class LineProgress:
    """Plain lines for logs: one per stage, and one every few seconds while chunks are rendered."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._tally = Tally()
        self._last = clock()
        self._warned: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def stage(self, stage: Stage) -> None:
        """Prints a line, unless every chunk is done already."""
        if stage is not Stage.CHUNK:
            self._print(f"{NAMES[stage]}.")
        elif self._tally.frames < self._tally.total:
            self._print(f"{NAMES[stage]}: {self._tally.line(self._clock())}.")
        self._last = self._clock()

    def planned(self, job: JobSpec, cached: set[int]) -> None:
        """Prints the plan's warnings, each once."""
        self._tally = Tally.of(job, cached)
        for warning in new_warnings(job, self._warned):
            print_labelled(self._console, "Warning", warning)

    def frames(self, chunk: int, count: int) -> None:
        """Prints a line every LINE_SECONDS."""
        now = self._clock()
        self._tally.add(chunk, count, now)
        if now - self._last >= LINE_SECONDS:
            self._last = now
            self._print(f"{NAMES[Stage.CHUNK]}: {self._tally.line(now)}.")

    def finished(self, chunk: int) -> None:
        """Counted only."""
        self._tally.finish(chunk)

    def failed(self, chunk: int, why: str) -> None:
        """Counted only."""
        self._tally.lose(chunk)

    def say(self, line: str) -> None:
        """Prints the message."""
        print_labelled(self._console, "Note", line)

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)


class BarProgress:
    """A bar with frames, rate, chunks, and the time gone and left."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._tally = Tally()
        self._warned: set[str] = set()
        self._progress = Progress(
            TextColumn("[bold]{task.description:<9}"),
            BarColumn(bar_width=None, table_column=Column(ratio=1)),
            _Numbers(self, table_column=Column(no_wrap=True, justify="right")),
            console=console,
            refresh_per_second=5,
            transient=True,
            expand=True,
        )
        self._task = self._progress.add_task(NAMES[Stage.PLAN], total=None)
        self.current = Stage.PLAN

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def numbers(self, task: Task) -> str:
        """The text to the right of the bar."""
        gone = time_text(task.elapsed or 0.0)
        if self.current is not Stage.CHUNK:
            return gone
        tally, now = self._tally, self._clock()
        rate, remaining = tally.rate(now), tally.remaining(now)
        parts = [f"{tally.frames}/{tally.total} frames"]
        if rate is not None:
            parts.append(f"{rate:.1f} fps")
        if len(tally.chunks) > 1:
            parts.append(f"{len(tally.finished)}/{len(tally.chunks)} chunks")
        if remaining is None or self._console.width >= ROOMY_COLUMNS:
            parts.append(gone)
        if remaining is not None:
            parts.append(f"{time_text(remaining)} left")
        return " · ".join(parts)

    def stage(self, stage: Stage) -> None:
        """Changes the bar's name; without frames to count it only moves to and fro."""
        self.current = stage
        counted = stage is Stage.CHUNK and self._tally.total > 0
        self._progress.update(
            self._task,
            description=NAMES[stage],
            total=self._tally.total if counted else None,
            completed=self._tally.frames if counted else 0,
        )

    def planned(self, job: JobSpec, cached: set[int]) -> None:
        """Prints the plan's warnings above the bar, each once."""
        self._tally = Tally.of(job, cached)
        for warning in new_warnings(job, self._warned):
            print_labelled(self._console, "Warning", warning)

    def frames(self, chunk: int, count: int) -> None:
        """The bar moves."""
        self._tally.add(chunk, count, self._clock())
        self._progress.update(self._task, completed=self._tally.frames)

    def finished(self, chunk: int) -> None:
        """The bar moves."""
        self._tally.finish(chunk)
        self._progress.update(self._task, completed=self._tally.frames)

    def failed(self, chunk: int, why: str) -> None:
        """The bar goes back."""
        self._tally.lose(chunk)
        self._progress.update(self._task, completed=self._tally.frames)

    def say(self, line: str) -> None:
        """Prints the message above the bar."""
        print_labelled(self._console, "Note", line)


class _Numbers(ProgressColumn):
    """The numbers right of a BarProgress's bar."""

    def __init__(self, progress: BarProgress, table_column: Column) -> None:
        super().__init__(table_column)
        self._bar = progress

    def render(self, task: Task) -> Text:
        return Text(self._bar.numbers(task), no_wrap=True)


def print_slowness(console: Console, job: JobSpec) -> None:
    """Prints what makes the page slow, if the plan found that out."""
    for warning in job.helios.warnings if job.helios is not None else ():
        if warning.startswith(SLOW_MARK):
            print_labelled(console, "Note", warning.removeprefix(SLOW_MARK))


def progress_for(console: Console) -> BarProgress | LineProgress:
    """The bar on a terminal, lines elsewhere."""
    return BarProgress(console) if console.is_terminal else LineProgress(console)


def new_warnings(job: JobSpec, known: set[str]) -> list[str]:
    """The plan's warnings that were not shown yet; without what makes the page slow, which is said at the end."""
    warnings = job.helios.warnings if job.helios is not None else ()
    new = [
        message(in_flags(warning)) for warning in warnings if warning not in known and not warning.startswith(SLOW_MARK)
    ]
    known.update(warnings)
    return new
