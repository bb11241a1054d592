"""Pieces of work and attempts at them, as plain data. No Kubernetes types here, no I/O, no clock."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from helios_crds.wire import Stage


@dataclass(frozen=True, order=True, slots=True)
class Work:
    """A piece of a render: the plan, one chunk, or the stitch. chunk: its index; 0 for plan and stitch."""

    stage: Stage
    chunk: int = 0

    def __str__(self) -> str:
        return f"chunk {self.chunk}" if self.stage is Stage.CHUNK else f"the {self.stage}"


PLAN = Work(Stage.PLAN)
STITCH = Work(Stage.STITCH)


class AttemptPhase(StrEnum):
    """QUEUED: Kueue suspends its Job. WAITING: its pod has not started. SUCCEEDED and FAILED are final."""

    QUEUED = "queued"
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


ACTIVE = frozenset({AttemptPhase.QUEUED, AttemptPhase.WAITING, AttemptPhase.RUNNING})


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a piece of work: a Job with its pod, or an invocation of a target outside of the cluster.

    number: counts from 1 for each piece of work. created, finished: of the Job. started: of the container, by its
    kubelet. allowed: how long its pod may run.
    exit_code, message: of the container; the message is untrusted. reason: the kubelet's reason for the end.
    waiting: why the pod has not started. leaving: why the pod is or was taken away. silent: its node does not report.
    disrupted: the pod was taken away, so the work is not to blame. stopping: the attempt is being deleted.
    terminating_since: its pod's deletionTimestamp, the end of the grace period; None if it is not being deleted.
    cost: the estimated cost of an ended invocation; None for Jobs, and once the cost is on record.
    plan: ID of the planned job that the work belongs to; "" for a plan, and for Jobs of older operators.
    image: of its pod, see model/image; "" if it has none, or the kubelet does not say.
    """

    name: str
    uid: str
    work: Work
    number: int
    target: str
    phase: AttemptPhase
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    allowed: timedelta | None = None
    exit_code: int | None = None
    reason: str = ""
    message: str = ""
    waiting: str = ""
    leaving: str = ""
    silent: bool = False
    disrupted: bool = False
    stopping: bool = False
    terminating_since: datetime | None = None
    cost: Decimal | None = None
    plan: str = ""
    image: str = ""

    @property
    def is_active(self) -> bool:
        """Whether the attempt has not ended."""
        return self.phase in ACTIVE


def by_work(attempts: Iterable[Attempt]) -> Mapping[Work, list[Attempt]]:
    """Attempts of each piece of work, lowest number first."""
    attempts_of: dict[Work, list[Attempt]] = defaultdict(list)
    for attempt in sorted(attempts, key=lambda attempt: attempt.number):
        attempts_of[attempt.work].append(attempt)
    return attempts_of


@dataclass(frozen=True)
class Tried:
    """The targets on which a chunk was tried without success, and how often.

    may_wait: whether the chunk may still wait for a slot on a target where it was tried less often. The wait is
    bounded, since such a slot may never become free.
    """

    times: Mapping[str, int] = field(default_factory=dict)
    may_wait: bool = False


UNTRIED = Tried()
