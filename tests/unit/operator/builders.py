"""Small builders: a RenderJob, its status from a chunk map, attempts from a word."""

from datetime import UTC, datetime, timedelta
from typing import Any

from helios_crds.renderjob import RenderJobSpec
from helios_crds.renderjob_status import PlanStatus, RenderJobStatus, Retry
from helios_crds.wire import Stage
from helios_operator.model.config import Config, built_in_targets
from helios_operator.model.locations import places_of
from helios_operator.model.observation import Observation, ObservedJob
from helios_operator.model.state import Attempt, AttemptPhase, Work

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
UID = "0a1b2c3d-0000-4000-8000-000000000000"
CONFIG = Config()
TARGETS = built_in_targets()
JOB_ID = "ab" * 10
JOB_PATH = f"file:///artifacts/jobs/{JOB_ID}/job.json"


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def plan_status(chunks: int) -> PlanStatus:
    return PlanStatus(jobPath=JOB_PATH, jobId=JOB_ID, frames=chunks * 60, chunks=chunks)


def status(chunk_map: str = "", retries: list[Retry] | None = None, **fields: Any) -> RenderJobStatus:
    plan = plan_status(len(chunk_map)) if chunk_map else None
    return RenderJobStatus(
        **{"plan": plan, "chunkMap": chunk_map, "retries": retries or [], "startTime": NOW - seconds(60), **fields}
    )


def render_job(chunk_map: str = "", *, retries: list[Retry] | None = None, spec: Any = None, **fields: Any):
    given = {"composition": {"inline": "<p>"}, **(spec or {})}
    return ObservedJob(
        name="teaser",
        namespace="films",
        uid=UID,
        generation=1,
        spec=RenderJobSpec.model_validate(given),
        status=status(chunk_map, retries, **fields),
    )


def retry(
    chunk: int = 0, attempt: int = 1, failures: int = 1, *, stage: Stage = Stage.CHUNK, wait: float = -1
) -> Retry:
    return Retry(stage=stage, chunk=chunk, attempt=attempt, failures=failures, notBefore=NOW + seconds(wait))


def attempt(
    phase: AttemptPhase | str, work: Work | int = 0, number: int = 1, *, age: float = 30, **fields: Any
) -> Attempt:
    """age: seconds since it was made and started. A finished one took all of it."""
    phase = AttemptPhase(phase)
    piece = Work(Stage.CHUNK, work) if isinstance(work, int) else work
    started = NOW - seconds(age) if phase not in (AttemptPhase.QUEUED, AttemptPhase.WAITING) else None
    final = phase in (AttemptPhase.SUCCEEDED, AttemptPhase.FAILED)
    return Attempt(
        **{
            "name": f"{piece.stage}-{piece.chunk}-a{number}",
            "uid": f"uid-{piece.stage}-{piece.chunk}-{number}",
            "work": piece,
            "number": number,
            "target": "kubernetes",
            "phase": phase,
            "created": NOW - seconds(age),
            "started": started,
            "finished": NOW if final else None,
            "exit_code": {AttemptPhase.SUCCEEDED: 0, AttemptPhase.FAILED: 1}.get(phase),
            **fields,
        }
    )


def observe(job: ObservedJob, *attempts: Attempt, config: Config = CONFIG, **fields: Any) -> Observation:
    """What is known of a RenderJob at NOW, with the built-in target alone if no others are given."""
    known = {"now": NOW, "targets": TARGETS, **fields}
    places = places_of(job, known["targets"], config)
    return Observation(job=job, attempts=attempts, **{"places": places, **known})
