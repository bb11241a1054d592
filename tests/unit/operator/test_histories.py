"""Random histories: an API server, Jobs and workers that fail at will, an operator that dies and sees old news.

The world is simulated; `reconcile` is real. The simulated cache keeps what the real one promises: it knows its
own writes, and lists everything when it starts; events reach it late, twice, or not before the next re-list.

Some renders also have a target out of the cluster. What runs there is known to the operator's memory alone: a new one
knows nothing of it, and it may commit its chunk all the same.

Long, because one state machine is one class.
"""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from helios_crds.renderjob_status import RenderJobStatus
from helios_crds.rendertarget import RenderTargetSpec
from helios_crds.wire import Stage, chunk_bitmap
from helios_operator.decide.policies.deadlines import is_lost
from helios_operator.decide.reconcile import reconcile
from helios_operator.model.config import Store
from helios_operator.model.decision import StartAttempt, StopAttempt
from helios_operator.model.observation import NameConflict, TargetCapacity
from helios_operator.model.state import PLAN, STITCH, Attempt, AttemptPhase, Work
from tests.unit.operator.builders import CONFIG, JOB_ID, NOW, TARGETS, observe, render_job, seconds

PARALLELISM = 3
STORE = "s3://media/"
CLOUD, EACH = "cloud", Decimal("0.01")
MIXED = replace(CONFIG, store=Store(url=STORE, claim=""))
WITH_CLOUD = {
    **TARGETS,
    CLOUD: RenderTargetSpec.model_validate(
        {"lambda": {"functionName": "f", "region": "eu-west-1"}, "price": {"perRequest": str(EACH)}}
    ),
}
TWO_FREE = {CLOUD: TargetCapacity(free=2), "kubernetes": TargetCapacity(free=2)}
OUTCOMES = ("success", "success", "success", "failure", "kill", "disruption", "garbage", "bad-chunks")


class Render(RuleBasedStateMachine):
    """One RenderJob from its creation to its end."""

    @initialize(
        chunks=st.integers(1, 8),
        cached=st.integers(0, 255),
        per_chunk=st.integers(0, 5),
        total=st.sampled_from([6, 60]),
        order=st.sampled_from([None, (CLOUD, "kubernetes"), ("kubernetes", CLOUD)]),
    )
    def create(self, chunks: int, cached: int, per_chunk: int, total: int, order: tuple[str, str] | None) -> None:
        self.chunks, self.cached = chunks, cached & ((1 << chunks) - 1)
        self.config = MIXED if order else CONFIG
        self.known: dict[str, Any] = {"targets": WITH_CLOUD, "capacity": TWO_FREE} if order else {}
        spec = {
            "execution": {
                "parallelism": PARALLELISM,
                "retries": {"perChunk": per_chunk, "total": total},
                "startTimeout": "2m",
                **({"targets": [{"name": name} for name in order]} if order else {}),
            }
        }
        self.job = render_job(spec=spec, startTime=None)
        self.now = NOW
        self.jobs: dict[str, Attempt] = {}  # the API server's
        self.seen: dict[str, Attempt] = {}  # the cache's
        self.conflicts: tuple[NameConflict, ...] = ()
        self.foreign: set[str] = set()  # names that others have
        self.committed: set[int] = set()  # the artifact store's
        self.ghosts: set[int] = set()  # chunks that are rendered out of the cluster, and nobody knows
        self.discarded: set[int] = set()
        self.serial = 0
        self.ever_discarded = False
        self.written: list[RenderJobStatus] = [self.job.status]

    # --- the operator ---------------------------------------------------------------------------------------

    @rule(writes=st.integers(0, 6))
    def operate(self, writes: int) -> None:
        """One pass; the operator may die after any number of writes."""
        self._pass(writes)

    def _pass(self, writes: int = 1000) -> None:
        children = [found for found in self.seen.values() if found.target != CLOUD]
        invocations = [found for found in self.jobs.values() if found.target == CLOUD]
        observation = observe(
            self.job,
            *children,
            *invocations,
            config=self.config,
            now=self.now,
            name_conflicts=self.conflicts,
            **self.known,
        )
        decision = reconcile(observation, self.config)
        steps: list[RenderJobStatus | StartAttempt | StopAttempt] = [
            *([decision.status] if decision.status != self.job.status else []),
            *decision.stops,
            *decision.starts,
        ]
        for step in steps[:writes]:
            if isinstance(step, RenderJobStatus):
                self._write_status(step)
            elif isinstance(step, StartAttempt):
                self._start(step)
            else:
                self._stop(step)
        if writes < len(steps):
            self.restart()

    def _write_status(self, status: RenderJobStatus) -> None:
        before, after = self.job.status, RenderJobStatus.model_validate_json(status.model_dump_json())
        self._check_progress(before, after)
        self.job = replace(self.job, status=after)
        self.written.append(after)
        self.jobs = {name: replace(found, cost=None) for name, found in self.jobs.items()}

    def _check_progress(self, before: RenderJobStatus, after: RenderJobStatus) -> None:
        """What is done stays done, but for chunks that a stitch named."""
        assert before.completionTime is None, "nothing changes after the end"
        assert before.plan is None or after.plan == before.plan
        for index, (old, new) in enumerate(zip(before.chunkMap, after.chunkMap, strict=False)):
            if old in "#=" and new not in "#=":
                assert index in self.discarded
                self.discarded.remove(index)
            assert not (new == "#" and old != "#") or index in self.committed
        assert after.failures >= before.failures
        if after.phase == "Complete":
            assert set(range(self.chunks)) <= self.committed

    def _start(self, start: StartAttempt) -> None:
        name = f"{start.work}-a{start.number}"
        taken = NameConflict("Job", name, start.work, start.number)
        assert taken not in self.conflicts, "a name that is known to be taken was tried"
        if name in self.foreign and name not in self.jobs:
            self.conflicts = (*self.conflicts, taken)
            return
        if name in self.jobs:
            return  # 409: it is there already
        if start.work.stage is Stage.CHUNK:
            assert self.job.status.chunkMap[start.work.chunk] not in "#=!", "a done chunk was started"
        if start.target == CLOUD:
            assert start.work != PLAN, "the plan of an inline page needs a pod"
            name = f"{name}-{CLOUD}"
        rivals = [
            found
            for found in self.jobs.values()
            if found.work == start.work
            and found.is_active
            and not is_lost(found, self.now, self.config.terminating_grace)
        ]
        assert len(rivals) <= (1 if start.work.stage is Stage.CHUNK else 0)
        assert all(found.phase is AttemptPhase.RUNNING for found in rivals), "only a straggler is duplicated"
        self.serial += 1
        found = Attempt(
            name, f"uid-{self.serial}", start.work, start.number, start.target, AttemptPhase.WAITING, created=self.now
        )
        if start.target == CLOUD:
            found = replace(found, phase=AttemptPhase.RUNNING, started=self.now)
        self.jobs[name] = self.seen[name] = found
        holding = [
            found
            for found in self.jobs.values()
            if found.is_active
            and found.work.stage is Stage.CHUNK
            and not is_lost(found, self.now, self.config.terminating_grace)
        ]
        assert len(holding) <= PARALLELISM

    def _stop(self, stop: StopAttempt) -> None:
        found = self.jobs.get(stop.name)
        if found is None or found.uid != stop.uid:
            return
        self.jobs[stop.name] = replace(found, stopping=True)
        if found.target == CLOUD:  # it cannot be called off
            self._leave(found)
            self.jobs[stop.name] = replace(
                found, phase=AttemptPhase.FAILED, stopping=True, disrupted=True, finished=self.now
            )

    def _leave(self, found: Attempt) -> None:
        if found.is_active and found.work.stage is Stage.CHUNK:
            self.ghosts.add(found.work.chunk)

    @rule()
    def restart(self) -> None:
        """A new operator lists everything before it acts. It knows nothing of invocations."""
        for name in [name for name, found in self.jobs.items() if found.target == CLOUD]:
            self._leave(self.jobs.pop(name))
        self.seen = dict(self.jobs)
        self.conflicts = ()

    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """One event arrives; others later, or never."""
        names = sorted({*self.jobs, *self.seen})
        if names:
            self._deliver(data.draw(st.sampled_from(names)))

    def _deliver(self, name: str) -> None:
        if name in self.jobs:
            self.seen[name] = self.jobs[name]
        else:
            self.seen.pop(name, None)

    # --- the world ------------------------------------------------------------------------------------------

    @rule()
    def ghosts_commit(self) -> None:
        """What nobody waits for ends well all the same."""
        self.committed |= self.ghosts if self.job.status.plan is not None else set()
        self.ghosts.clear()

    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES))
    def work(self, data: st.DataObject, outcome: str) -> None:
        """A pod takes its next step: it starts, or ends somehow."""
        alive = sorted(name for name, found in self.jobs.items() if found.is_active)
        if alive:
            self._step(data.draw(st.sampled_from(alive)), outcome)

    def _step(self, name: str, outcome: str) -> None:
        found = self.jobs[name]
        if found.stopping:
            del self.jobs[name]
        elif found.phase is AttemptPhase.WAITING:
            self.jobs[name] = replace(found, phase=AttemptPhase.RUNNING, started=self.now)
        elif found.terminating_since is None:
            self._finish(found, outcome)

    def _finish(self, found: Attempt, outcome: str) -> None:
        if found.target == CLOUD and outcome == "kill":  # it had no room after all: nothing was tried
            del self.jobs[found.name]
            return
        succeeded = outcome in ("success", "garbage")
        message = "garbage" if outcome == "garbage" else self._message(found.work)
        if outcome == "bad-chunks" or (found.work == STITCH and outcome == "failure"):
            message = ""
            if found.work == STITCH:
                bad = sorted(self.committed)[:2]
                self.committed -= set(bad)
                self.discarded |= set(bad)
                self.ever_discarded = True
                message = json.dumps({"badChunks": chunk_bitmap(bad)})
        missing = set(range(self.chunks)) - self.committed
        if succeeded and found.work == STITCH and missing:  # as a stitch does whose predecessor was not heard
            succeeded = False
            message = json.dumps({"badChunks": chunk_bitmap(missing)})
        if succeeded and found.work.stage is Stage.CHUNK:
            self.committed.add(found.work.chunk)
        if succeeded and found.work == PLAN:
            self.committed |= {index for index in range(self.chunks) if self.cached >> index & 1}
        self.jobs[found.name] = replace(
            found,
            phase=AttemptPhase.SUCCEEDED if succeeded else AttemptPhase.FAILED,
            finished=self.now,
            exit_code=0 if succeeded else None if outcome in ("kill", "disruption") else 1,
            disrupted=outcome == "disruption",
            message=message,
            cost=EACH if found.target == CLOUD else None,
        )

    def _message(self, work: Work) -> str:
        if work == PLAN:
            said = {
                "jobPath": f"{observe(self.job, config=self.config, **self.known).store}jobs/{JOB_ID}/job.json",
                "jobId": JOB_ID,
                "frames": self.chunks * 60,
                "chunks": self.chunks,
            }
            return json.dumps({**said, "cached": f"{self.cached:x}"})
        return "{}"

    @rule(outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=8), sees=st.booleans())
    def go_on(self, outcomes: list[str], sees: bool) -> None:
        """Some rounds in which everybody does something, so that histories get to their later parts."""
        for outcome in outcomes:
            for name in [name for name, found in self.jobs.items() if found.is_active]:
                self._step(name, outcome)
            for name in {*self.jobs, *self.seen} if sees else ():
                self._deliver(name)
            self._pass()
            self.now += seconds(31)

    @rule(data=st.data())
    def lose_node(self, data: st.DataObject) -> None:
        """A pod is told to end and nobody answers."""
        running = (found for found in self.jobs.values() if found.phase is AttemptPhase.RUNNING)
        alive = sorted(found.name for found in running if found.target != CLOUD)
        if alive:
            name = data.draw(st.sampled_from(alive))
            self.jobs[name] = replace(self.jobs[name], terminating_since=self.jobs[name].terminating_since or self.now)

    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        """A finished Job's time to live is over, or somebody deletes it."""
        names = sorted(name for name, found in self.jobs.items() if not found.is_active and found.target != CLOUD)
        if names:
            del self.jobs[data.draw(st.sampled_from(names))]

    @rule(count=st.sampled_from([1, 20, 130, 600]))
    def wait(self, count: int) -> None:
        self.now += seconds(count)

    @rule(work=st.sampled_from(["the plan", "the stitch", "chunk 0", "chunk 1"]), number=st.integers(1, 3))
    def take_name(self, work: str, number: int) -> None:
        """Somebody else makes a Job of the name that a child would have."""
        self.foreign.add(f"{work}-a{number}")

    @rule()
    def free_names(self) -> None:
        self.foreign.clear()
        self.conflicts = ()

    @rule(suspended=st.booleans())
    def suspend(self, suspended: bool) -> None:
        self.job = replace(self.job, spec=self.job.spec.model_copy(update={"suspend": suspended}))

    # --- what always holds ----------------------------------------------------------------------------------

    @invariant()
    def status_is_bounded(self) -> None:
        if hasattr(self, "job"):
            assert len(self.job.status.model_dump_json()) < 16 * 1024
            assert len(self.job.status.retries) <= self.chunks + 2
            assert self.job.status.failures <= self.serial, "an attempt's failure was counted twice"
            for told in self.job.status.targets:
                assert Decimal(told.cost) == (EACH * told.invocations if told.name == CLOUD else 0)
                assert told.invocations <= self.serial, "an invocation was paid twice"
            assert sum(told.done for told in self.job.status.targets) <= self.serial

    def teardown(self) -> None:
        """From wherever it is, the render comes to an end once the world behaves."""
        if not hasattr(self, "job"):
            return
        self.suspend(False)
        self.free_names()
        self.restart()
        for _ in range(200):
            self.seen = dict(self.jobs)
            self.conflicts = ()
            self._pass()
            if self.job.status.completionTime and not any(found.is_active for found in self.jobs.values()):
                break
            for name in list(self.jobs):
                if self.jobs[name].is_active and self.jobs[name].terminating_since is None:
                    self._step(name, "success")
                elif self.jobs[name].stopping:
                    del self.jobs[name]
            self.now += timedelta(minutes=2)
        event(f"ends as {self.job.status.phase}, after {len(self.written) // 10}x10 writes")
        event(f"discarded chunks: {self.ever_discarded}")
        assert self.job.status.phase in ("Complete", "Failed")
        assert not [found for found in self.jobs.values() if found.is_active], "somebody works for nothing"


Render.TestCase.settings = settings(
    max_examples=150, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
TestHistories = Render.TestCase
