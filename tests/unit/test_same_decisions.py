"""The command line and the operator do the same about the same history: what goes where, again, twice, and what rests.

Both drive the same scripted targets in virtual time: `heliosctl` by its chunk run over a fleet, the operator by
`reconcile` over its invocations. Each writes down what it has started where and when, and which targets rested.

Long, because both sides run the same table.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from helios_adapters import CloudAdapter, Deployment
from helios_adapters.errors import AccessDenied, Crashed, ProviderFailed, Throttled
from helios_crds.renderjob import RenderJobSpec
from helios_crds.renderjob_status import PlanStatus, RenderJobStatus
from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.wire import Payload, Reply
from helios_operator.decide.reconcile import reconcile
from helios_operator.model.config import NO_LIMIT
from helios_operator.model.locations import job_path
from helios_operator.model.observation import Observation, ObservedJob, Places, TargetCapacity
from helios_operator.offload import target_health
from helios_operator.offload.connections import Connections
from helios_operator.offload.invocations import Invocations
from heliosctl.errors import StageFailed
from heliosctl.local.chunks import CONFIG, STORE, ChunkRun
from heliosctl.local.fleet import Fleet, NoTargetLeft, Target
from heliosctl.terminal.progress import Silent
from tests import virtual_time
from tests.unit.cli.builders import job

RETRIES = 2
START = datetime(2026, 1, 1, tzinfo=UTC)
ANSWERS: Mapping[str, Reply | Exception] = {
    "ok": Reply(exitCode=0),
    "failed": Reply(exitCode=1, stderr="no store there"),
    "mistake": Reply(exitCode=64, stderr="the page is wrong"),
    "handed back": Reply(exitCode=143, stderr="told to stop"),
    "full": Throttled("too many", where="there"),
    "lost": Crashed("gone", where="there"),
    "trouble": ProviderFailed("503", where="there"),
    "unusable": AccessDenied("may not", where="there"),
}


def now() -> datetime:
    """A clock that goes with the event loop's."""
    return START + timedelta(seconds=asyncio.get_running_loop().time())


@dataclass
class Scripted(CloudAdapter[Any]):
    """A target whose calls come to what a script says, in turn, after so many seconds; later ones are done in ten."""

    name: str
    slots: int
    script: list[tuple[str, float]]
    log: list[tuple[float, str, object]]

    async def deploy(self, config: object) -> Deployment:
        return Deployment(self.name, self.slots)

    async def invoke(self, payload: Payload, key: str = "") -> Reply:
        self.log.append((asyncio.get_running_loop().time(), self.name, (payload.chunkIndex, payload.attempt)))
        what, seconds = self.script.pop(0) if self.script else ("ok", 10.0)
        await asyncio.sleep(seconds)
        answer = ANSWERS[what]
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class History:
    """What targets are and do. targets: slots and script of each, in order of preference."""

    chunks: int
    targets: dict[str, tuple[int, str]]
    log: list[tuple[float, str, object]] = field(default_factory=list)

    def scripted(self) -> list[Scripted]:
        found = []
        for name, (slots, script) in self.targets.items():
            steps = [each.strip().rsplit(" ", 1) for each in script.split(",") if each.strip()]
            found.append(Scripted(name, slots, [(what, float(seconds)) for what, seconds in steps], self.log))
        return found

    def note_rests(self, resting: Iterable[str], before: Iterable[str]) -> set[str]:
        """Writes down which targets rest that did not before. Returns all that do."""
        now_resting = set(resting)
        for name in sorted(now_resting - set(before)):
            self.log.append((asyncio.get_running_loop().time(), name, "rests"))
        return now_resting


class Watched(Fleet):
    """A fleet whose rests are written down at each look."""

    def __init__(self, history: History, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._history = history
        self._resting: set[str] = set()

    def capacity(self) -> Mapping[str, TargetCapacity]:
        found = super().capacity()
        resting = (name for name, target in found.items() if target.resting or not target.granted)
        self._resting = self._history.note_rests(resting, self._resting)
        return found


async def by_command_line(history: History) -> str:
    """How the render ends."""
    adapters = history.scripted()
    targets = [Target(each.name, each, each.slots) for each in adapters]
    fleet = Watched(history, targets, adapters[0], Silent(), clock=now)
    film = job(frames=history.chunks, per_chunk=1)
    try:
        await ChunkRun(film, "x", fleet, Silent(), RETRIES).render(range(history.chunks))
    except StageFailed:
        return "failed"
    except NoTargetLeft:
        return "no target left"
    return "rendered"


async def by_operator(history: History) -> str:
    """The same by the operator: what it does between two looks at a RenderJob, without the API server."""
    function = RenderTargetSpec.model_validate({"lambda": {"functionName": "f", "region": "eu-west-1"}})
    adapters = {each.name: each for each in history.scripted()}
    targets = {name: function.model_copy(update={"maxConcurrent": each.slots}) for name, each in adapters.items()}
    by_slots = {each.slots: each for each in adapters.values()}

    async def connect(spec: RenderTargetSpec) -> tuple[CloudAdapter[Any], Deployment]:
        return by_slots[spec.maxConcurrent], Deployment("f", spec.maxConcurrent)

    changed = asyncio.Event()
    invocations = Invocations(Connections(connect), now, lambda _: changed.set(), lambda _: changed.set())
    film = _render_job(history, list(targets))
    resting: set[str] = set()
    while True:
        changed.clear()
        invoked = invocations.observe(film.uid, {name: target.maxConcurrent for name, target in targets.items()})
        resting = history.note_rests(invoked.resting, resting)
        capacity = {
            name: TargetCapacity(NO_LIMIT, free, invoked.resting.get(name, "")) for name, free in invoked.free.items()
        }
        observation = Observation(film, invoked.attempts, now(), targets, Places(STORE, f"{STORE}film.mp4"), capacity)
        decision = reconcile(observation, CONFIG)
        if decision.status != film.status:
            changed.set()
        invocations.bill(film.uid, decision.status.targets)
        film = replace(film, status=decision.status)  # the API server has it
        invocations.confirm(film.uid, film.status.targets)
        if set(decision.status.chunkMap) == {"#"} or decision.status.completionTime is not None:
            await invocations.close()
            return "failed" if decision.status.phase == "Failed" else "rendered"
        left = invocations.carry_out(film, decision, targets, observation.places, CONFIG)
        assert (left.starts, left.stops) == ((), ())
        await _set_within(changed, decision.requeue_after)


async def _set_within(changed: asyncio.Event, seconds: float | None) -> None:
    try:
        async with asyncio.timeout(seconds):
            await changed.wait()
    except TimeoutError:
        pass


def _render_job(history: History, targets: list[str]) -> ObservedJob:
    execution = {
        "targets": [{"name": name} for name in targets],
        "parallelism": sum(slots for slots, _ in history.targets.values()),
        "retries": {"perChunk": RETRIES, "total": 200},
    }
    spec = RenderJobSpec.model_validate({"composition": {"url": "s3://artifacts/films/page/"}, "execution": execution})
    job_id, chunks = "ab" * 10, history.chunks
    plan = PlanStatus(jobPath=job_path(STORE, job_id), jobId=job_id, frames=chunks, chunks=chunks)
    status = RenderJobStatus(plan=plan, chunkMap="." * chunks, startTime=START)
    return ObservedJob("film", "films", "uid", 1, spec=spec, status=status)


def both(history: History) -> tuple[list[tuple[str, object]], str]:
    """What both have done, which is the same, and how it ended.

    Times may differ by a second: a look that time alone asks for comes a second after the last one at the earliest, and
    the operator looks once more than the command line after each status that it writes.
    """

    def drive(by: Coroutine[Any, Any, str]) -> tuple[list[float], list[tuple[str, object]], str]:
        history.log.clear()
        ended = virtual_time.run(by)
        return [at for at, _, _ in history.log], [(name, what) for _, name, what in history.log], ended

    times, log, ended = drive(by_command_line(history))
    assert (log, ended) == drive(by_operator(history))[1:]
    assert times == pytest.approx([at for at, _, _ in history.log], abs=1)
    return log, ended


@pytest.fixture(autouse=True)
def _one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API server's clock is this one too, so that the operator need not wait a second longer for it."""
    monkeypatch.setattr(target_health, "SLACK", 0.0)


def started(log: list[tuple[str, object]]) -> str:
    """Chunks in the order of their starts with the target of each, as "a0 b1"; rests as "a!"."""
    return " ".join(f"{name}{what[0]}" if isinstance(what, tuple) else f"{name}!" for name, what in log)


@pytest.mark.parametrize(
    ("chunks", "targets", "steps", "end"),
    [
        pytest.param(4, {"a": (2, ""), "b": (1, "")}, "a0 a1 b2 a3", "rendered", id="the first with room"),
        pytest.param(2, {"a": (2, "full 1, full 2"), "b": (1, "")}, "a0 a1 b0 a1", "rendered", id="full: elsewhere"),
        pytest.param(1, {"a": (1, "full 0.1, full 0.1")}, "a0 a0 a0", "rendered", id="full everywhere: it waits"),
        pytest.param(1, {"a": (1, "failed 1"), "b": (2, "")}, "a0 b0", "rendered", id="failed: elsewhere"),
        pytest.param(
            2,
            {"a": (1, "ok 30"), "b": (2, "failed 1, failed 1, ok 50")},
            "a0 b1 b1 a1",
            "rendered",
            id="after two failures it waits for elsewhere",
        ),
        pytest.param(
            2,
            {"a": (1, "ok 200"), "b": (2, "failed 1, failed 1, ok 5")},
            "a0 b1 b1 b1",
            "rendered",
            id="but not for ever",
        ),
        pytest.param(1, {"a": (1, "failed 1, failed 1, failed 1")}, "a0 a0 a0", "failed", id="often enough"),
        pytest.param(2, {"a": (2, "mistake 1, ok 5")}, "a0 a1", "failed", id="the page's mistake ends it"),
        pytest.param(
            1, {"a": (1, "lost 1, lost 1, lost 1, ok 1")}, "a0 a0 a0 a0", "rendered", id="three crashes are forgiven"
        ),
        pytest.param(
            1,
            {"a": (1, "lost 1, lost 1, lost 1, lost 1, lost 1, ok 1")},
            "a0 a0 a0 a0 a0 a! a0",
            "rendered",
            id="the next ones count, and five have the target rest",
        ),
        pytest.param(
            1, {"a": (1, "handed back 1, ok 1"), "b": (2, "ok 1")}, "a0 b0", "rendered", id="handed back: elsewhere"
        ),
        pytest.param(
            2,
            {"a": (1, "trouble 1, trouble 1, trouble 1, trouble 1, trouble 1, trouble 1, ok 1")},
            "a0 a1 a0 a1 a0 a! a0 a! a0 a1",
            "rendered",
            id="an outage costs no attempt, and one chunk tries the target after each rest",
        ),
        pytest.param(2, {"a": (1, "unusable 1"), "b": (2, "ok 5, ok 5")}, "a0 b1 a! b0", "rendered", id="of no use"),
        pytest.param(
            5, {"a": (1, "ok 5, ok 5, ok 500"), "b": (2, "ok 5, ok 5")}, "a0 b1 b2 a3 b4", "rendered", id="all in time"
        ),
        pytest.param(
            5,
            {"a": (1, "ok 5, ok 500"), "b": (2, "ok 5, ok 5, ok 5, ok 5")},
            "a0 b1 b2 a3 b4 b3",
            "rendered",
            id="slow: twice, the second attempt wins",
        ),
        pytest.param(
            5,
            {"a": (1, "ok 5, ok 80"), "b": (2, "ok 5, ok 5, ok 5, ok 500")},
            "a0 b1 b2 a3 b4 b3",
            "rendered",
            id="slow: twice, the first attempt wins",
        ),
        pytest.param(
            5,
            {"a": (1, "ok 5, ok 500"), "b": (2, "ok 5, ok 5, ok 5, failed 1")},
            "a0 b1 b2 a3 b4 b3",
            "rendered",
            id="a second attempt that failed is not made again",
        ),
    ],
)
def test_a_history(chunks: int, targets: dict[str, tuple[int, str]], steps: str, end: str):
    log, ended = both(History(chunks, targets))
    assert (started(log), ended) == (steps, end)


KINDS = ["ok"] * 12 + ["failed", "full", "full", "lost", "trouble", "handed back"]


@pytest.mark.parametrize("seed", range(24))
def test_any_history(seed: int):
    chance = random.Random(seed)

    def script() -> str:
        steps = ((chance.choice(KINDS), chance.choice([1, 3, 7, 20, 90]) + chance.random()) for _ in range(60))
        return ", ".join(f"{what} {seconds:.3f}" for what, seconds in steps)

    targets = {name: (slots, script()) for slots, name in enumerate("abc", chance.randint(1, 4))}
    log, _ = both(History(24, targets))
    assert len(log) >= 24
