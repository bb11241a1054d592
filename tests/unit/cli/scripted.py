"""A fleet of scripted targets, and a listener that keeps what it hears."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from helios_adapters import CloudAdapter, Deployment
from helios_adapters.errors import (
    TargetError,
    Throttled,
)
from helios_crds.backoff import Backoff
from helios_crds.wire import Payload, Reply, Stage
from heliosctl.local.chunks import CONFIG, ChunkRun
from heliosctl.local.fleet import Fleet, Target
from heliosctl.terminal.progress import Silent
from tests.unit.cli.builders import job

DONE = Reply(exitCode=0, result={"frames": 6})


FAILED = Reply(exitCode=1, stderr="no store there")


def full(retry_after: float | None = 0.0) -> Throttled:
    return Throttled("too many", where="there", retry_after=retry_after)


class Script(CloudAdapter[Any]):
    """An adapter that answers in turn; then everything is done at once.

    A number is the seconds that a chunk takes; with an answer beside it, until that comes.
    """

    def __init__(self, *answers: Reply | TargetError | asyncio.Event | int | tuple[int, Reply | TargetError]) -> None:
        self.asked: list[str] = []
        self.most_active = self.active = 0
        self._answers = list(answers)

    async def deploy(self, config: object) -> Deployment:
        return Deployment("script", 1)

    async def invoke(self, payload: Payload, key: str = "") -> Reply:
        self.asked.append(f"c{payload.chunkIndex}" if payload.stage is Stage.CHUNK else payload.stage.value)
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        try:
            answer = self._answers.pop(0) if self._answers else DONE
            await asyncio.sleep(0)
            if isinstance(answer, tuple):
                seconds, answer = answer
                await asyncio.sleep(seconds)
            if isinstance(answer, int):
                await asyncio.sleep(answer)
                return DONE
            if isinstance(answer, asyncio.Event):
                await answer.wait()
                return DONE
            if isinstance(answer, TargetError):
                raise answer
            return answer
        finally:
            self.active -= 1


class Heard(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []
        self.done: list[int] = []
        self.lost: list[tuple[int, str]] = []
        self.counted: list[tuple[int, int]] = []

    def say(self, line: str) -> None:
        self.said.append(line)

    def finished(self, chunk: int) -> None:
        self.done.append(chunk)

    def failed(self, chunk: int, why: str) -> None:
        self.lost.append((chunk, why))

    def frames(self, chunk: int, count: int) -> None:
        self.counted.append((chunk, count))


def now() -> datetime:
    """A clock that goes with the event loop's."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=asyncio.get_running_loop().time())


def fleet(*targets: Target, home: Script | None = None) -> tuple[Fleet, Heard]:
    heard = Heard()
    return Fleet(targets, home or Script(), heard, clock=now), heard


async def chunks(made: Fleet, *indexes: int, heard: Silent | None = None, retries: int = 0) -> None:
    """Renders these chunks of a job of fifty."""
    at_once = replace(CONFIG, backoff=Backoff(base=0), disruption_pause=timedelta(0))
    await ChunkRun(job(frames=300, per_chunk=6), "x", made, heard or Silent(), retries, at_once).render(indexes)


async def working(script: Script) -> None:
    async with asyncio.timeout(10):
        while not script.active:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)
