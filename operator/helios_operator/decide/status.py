"""The status that says what is on record and what is under way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from helios_crds.renderjob_status import ChunkCounts, Film, RenderJobStatus, TargetStatus
from helios_crds.wire import Stage
from helios_operator.decide.conditions import conditions, phase_of
from helios_operator.decide.record import Record
from helios_operator.model.chunk_map import ACTIVE, CACHED, DONE, GIVEN_UP
from helios_operator.model.config import DEFAULT_USES, Config
from helios_operator.model.locations import output_url
from helios_operator.model.problem import Problem
from helios_operator.model.state import (
    Attempt,
    ObservedJob,
    StartAttempt,
)


@dataclass(frozen=True)
class _Hindrance:
    """What somebody has to change, if anything. total: nothing can go on meanwhile."""

    obstacle: Problem | None
    total: bool

    @property
    def blocks(self) -> bool:
        return self.obstacle is not None and self.total


def _status(
    job: ObservedJob,
    record: Record,
    hindrance: _Hindrance,
    holding: Sequence[Attempt],
    starts: Sequence[StartAttempt],
    held_up: str,
    now: datetime,
    config: Config,
) -> RenderJobStatus:
    """The status that says all of it."""
    phase = phase_of(record, suspended=job.spec.suspend, blocked=hindrance.blocks)
    ended = record.end is not None or record.film is not None
    active: list[Attempt | StartAttempt] = [] if ended else [*holding, *starts]
    marks = _chunk_map(record, active)
    done = marks.count(DONE) + marks.count(CACHED)
    targets = _targets(job, record, active)
    told = "" if ended else held_up
    found = conditions(record, phase, hindrance.obstacle, job.status.conditions, job.generation, now, told)
    return RenderJobStatus(
        observedGeneration=job.generation,
        phase=phase,
        progress=f"{done * 100 // len(marks)}%" if marks else "0%",
        summary=f"{done}/{len(marks)}" if marks else "",
        startTime=None if job.spec.suspend and not ended else job.status.startTime or now,
        completionTime=now if ended else None,
        plan=record.plan,
        chunks=ChunkCounts(
            total=len(marks),
            done=done,
            cached=marks.count(CACHED),
            active=marks.count(ACTIVE),
            failed=marks.count(GIVEN_UP),
        ),
        chunkMap=marks,
        failures=record.failures,
        retries=record.ledger.to_status([target.name for target in targets]),
        targets=targets,
        output=record.film or Film(url=output_url(job, config)[:2200]),
        conditions=found,
    )


def _chunk_map(record: Record, active: Sequence[Attempt | StartAttempt]) -> str:
    marks = list(record.marks)
    for attempt in active:
        if attempt.work.stage is Stage.CHUNK and record.is_open(attempt.work.chunk):
            marks[attempt.work.chunk] = ACTIVE
    return "".join(marks)


def _targets(job: ObservedJob, record: Record, active: Sequence[Attempt | StartAttempt]) -> list[TargetStatus]:
    """What each of the job's targets has, and has done."""
    chunks = [attempt.target for attempt in active if attempt.work.stage is Stage.CHUNK]
    return record.tallies.to_status([use.name for use in job.spec.execution.targets or DEFAULT_USES], chunks)
