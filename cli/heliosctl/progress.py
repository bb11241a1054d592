"""How a render's progress is shown: plain lines for now."""

import time

from rich.console import Console

from helios_crds.wire import Stage
from helios_worker.job import JobSpec

EVERY_SECONDS = 5.0


class LineProgress:
    """A line every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._total = 0
        self._done: dict[int, int] = {}
        self._last = time.monotonic()

    def stage(self, stage: Stage) -> None:
        if stage is not Stage.CHUNK:
            self.say(f"{stage} …")

    def planned(self, job: JobSpec, cached: set[int]) -> None:
        self._total = sum(chunk.frameCount for chunk in job.chunks)
        for warning in job.ours.warnings:
            self.say(f"warning: {warning}")
        for chunk in job.chunks:
            if chunk.id in cached:
                self._done[chunk.id] = chunk.frameCount

    def frames(self, chunk: int, count: int) -> None:
        self._done[chunk] = self._done.get(chunk, 0) + count
        if time.monotonic() - self._last >= EVERY_SECONDS:
            self._last = time.monotonic()
            self.say(f"{sum(self._done.values())} of {self._total} frames")

    def finished(self, chunk: int) -> None:
        pass

    def failed(self, chunk: int, why: str) -> None:
        self._done.pop(chunk, None)

    def say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)
