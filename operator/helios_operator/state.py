"""What the operator sees and does, as plain data. No Kubernetes types here, no I/O, no clock."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from helios_crds.renderjob import RenderJobSpec
from helios_crds.renderjob_status import RenderJobStatus
from helios_crds.wire import Stage


@dataclass(frozen=True, order=True)
class Work:
    """A piece of a render: the plan, one chunk, or the stitch. chunk: 0 but for chunks."""

    stage: Stage
    chunk: int = 0

    def __str__(self) -> str:
        return f"chunk {self.chunk}" if self.stage is Stage.CHUNK else f"the {self.stage}"


PLAN = Work(Stage.PLAN)
STITCH = Work(Stage.STITCH)


class AttemptPhase(StrEnum):
    """QUEUED: Kueue holds it back. WAITING: its pod has not started. The last two are final."""

    QUEUED = "queued"
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


ACTIVE = frozenset({AttemptPhase.QUEUED, AttemptPhase.WAITING, AttemptPhase.RUNNING})


@dataclass(frozen=True)
class Attempt:
    """One try at a piece of work: a Job with its pod, or an invocation of a function.

    number: from 1, per work. created, finished: of the Job; started: of the container, by its kubelet.
    exit_code, message: of the container; the message is untrusted. waiting: why the pod does not start.
    disrupted: the cluster took the pod away, the work is not to blame. stopping: its deletion is under way.
    terminating_since: since when its pod has been told to end.
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
    exit_code: int | None = None
    message: str = ""
    waiting: str = ""
    disrupted: bool = False
    stopping: bool = False
    terminating_since: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Whether it may still do something."""
        return self.phase in ACTIVE


@dataclass(frozen=True)
class ObservedJob:
    """A RenderJob as the API server last told. status: as it was last written and acknowledged."""

    name: str
    namespace: str
    uid: str
    generation: int
    spec: RenderJobSpec
    status: RenderJobStatus
    deleting: bool = False


def by_work(attempts: Iterable[Attempt]) -> Mapping[Work, list[Attempt]]:
    """Attempts of each piece of work, lowest number first."""
    found: dict[Work, list[Attempt]] = defaultdict(list)
    for attempt in sorted(attempts, key=lambda attempt: attempt.number):
        found[attempt.work].append(attempt)
    return found


@dataclass(frozen=True)
class StartAttempt:
    """Create the Job, or make the invocation. The name follows from it, so doing it twice collides."""

    work: Work
    number: int
    target: str


@dataclass(frozen=True)
class StopAttempt:
    """Delete the Job with its pod, if it still has this UID. why: for the log."""

    name: str
    uid: str
    why: str


Action = StartAttempt | StopAttempt


@dataclass(frozen=True)
class Announcement:
    """An Event for people. kind: Normal or Warning."""

    kind: str
    reason: str
    message: str


@dataclass(frozen=True)
class Decision:
    """What follows from an observation.

    status: to be written if it differs; actions do not wait for it, for stops only follow from acknowledged status.
    requeue_after: seconds after which time alone may change the decision.
    """

    status: RenderJobStatus
    actions: tuple[Action, ...] = ()
    events: tuple[Announcement, ...] = ()
    requeue_after: float | None = None
