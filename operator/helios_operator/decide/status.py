"""The status of a RenderJob: its record, its running work, and the problem that a user has to solve."""

from collections.abc import Iterable, Sequence

from helios_crds.renderjob_status import ChunkCounts, FilmStatus, RenderJobStatus
from helios_crds.wire import Stage
from helios_operator.decide.conditions import conditions, phase_of
from helios_operator.model.chunk_map import ACTIVE, CACHED, DONE, GIVEN_UP
from helios_operator.model.decision import StartAttempt
from helios_operator.model.observation import Observation
from helios_operator.model.problem import Problem
from helios_operator.model.render_record import RenderRecord
from helios_operator.model.state import Attempt

MAX_URL = 2200


def status_of(
    observation: Observation,
    record: RenderRecord,
    underway: Sequence[Attempt | StartAttempt],
    problem: Problem | None,
    *,
    blocks: bool,
    delay: str,
    operator: str = "",
) -> RenderJobStatus:
    """Writes the status from the record.

    underway: attempts that run or start now. problem: what a user has to change. blocks: whether the problem stops
    all work. delay: what delays the render. operator: the Lease of the operator that decides.
    """
    job, now = observation.job, observation.now
    phase = phase_of(record, suspended=job.spec.suspend, blocked=blocks)
    ended = record.has_ended
    chunks = [] if ended else [each for each in underway if each.work.stage is Stage.CHUNK]
    marks = _chunk_map(record, chunks)
    done = marks.count(DONE) + marks.count(CACHED)
    targets = record.usage.to_status([use.name for use in job.uses], [each.target for each in chunks])
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
        lastFailure=record.last_failure if record.ledger.entries and not ended else "",
        retries=record.ledger.to_status([target.name for target in targets], ended=ended),
        targets=targets,
        output=record.film or FilmStatus(url=observation.output[:MAX_URL]),
        replans=record.replans,
        operator=operator,
        conditions=conditions(
            record, phase, problem, job.status.conditions, job.generation, now, "" if ended else delay
        ),
    )


def observed(status: RenderJobStatus, generation: int) -> RenderJobStatus:
    """The status of an ended RenderJob after a change of its spec, which no longer matters: it says that it was seen.

    Otherwise kubectl and Argo CD would wait for the operator for ever.
    """
    if status.observedGeneration == generation:
        return status
    seen = [each.model_copy(update={"observedGeneration": generation}) for each in status.conditions]
    return status.model_copy(update={"observedGeneration": generation, "conditions": seen})


def _chunk_map(record: RenderRecord, underway: Iterable[Attempt | StartAttempt]) -> str:
    marks = list(record.marks)
    for each in underway:
        if record.is_open(each.work.chunk):
            marks[each.work.chunk] = ACTIVE
    return "".join(marks)
