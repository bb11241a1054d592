"""What the operator sees and does, as plain data. No Kubernetes types here, no I/O, no clock."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from helios_crds.renderjob import RenderJobSpec
from helios_crds.renderjob_status import RenderJobStatus
from helios_crds.wire import Stage


@dataclass(frozen=True, order=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a piece of work: a Job with its pod, or an invocation of a function.

    number: from 1, per work. created, finished: of the Job; started: of the container, by its kubelet.
    allowed: how long its pod may run.
    exit_code, message: of the container; the message is untrusted. reason: the kubelet's word for how it ended.
    waiting: why the pod does not start. leaving: why it is being taken away, or was. silent: its node says nothing.
    disrupted: the pod was taken away, the work is not to blame. stopping: its deletion is under way.
    terminating_since: since when its pod has been told to end.
    cost: of an invocation that has ended, an estimate; None once that is on record, and of Jobs.
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

    @property
    def is_active(self) -> bool:
        """Whether it may still do something."""
        return self.phase in ACTIVE


@dataclass(frozen=True)
class NameConflict:
    """A child's name that an object has which is not ours. work, number: the attempt that cannot start for it."""

    kind: str
    name: str
    work: Work
    number: int


@dataclass(frozen=True)
class RejectedStart:
    """An attempt that the API server will not have. by_quota: for a quota; message: its words. until: of the pause."""

    work: Work
    number: int
    target: str
    by_quota: bool
    message: str
    until: datetime


@dataclass(frozen=True)
class JobRef:
    """A RenderJob, whatever its spec says."""

    name: str
    namespace: str
    uid: str
    generation: int


@dataclass(frozen=True)
class InvalidJob(JobRef):
    """A RenderJob whose spec does not follow the schema. mistake: which field, and why. status: as below."""

    mistake: str
    status: RenderJobStatus


@dataclass(frozen=True)
class ObservedJob(JobRef):
    """A RenderJob as the API server last told.

    status: as it was last written and acknowledged. taken: children's names that were found to be somebody else's.
    refused: starts that the API server refused when they were last tried; at_limit: whether that were all. unstopped:
    names of Jobs that could not be deleted, and why.
    """

    spec: RenderJobSpec
    status: RenderJobStatus
    deleting: bool = False
    taken: tuple[NameConflict, ...] = ()
    refused: tuple[RejectedStart, ...] = ()
    at_limit: bool = False
    unstopped: tuple[tuple[str, str], ...] = ()


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
    """An Event for people.

    kind: Normal or Warning. topic: what it is about, the same when it is said again with other figures; "": the
    message. times: how often that happened which it tells.
    """

    kind: str
    reason: str
    message: str
    topic: str = ""
    times: int = 1


@dataclass(frozen=True)
class Decision:
    """What follows from an observation.

    status: to be written if it differs, before anything else: work may start whose record changes by this very
    status. Stops follow from acknowledged status alone.
    requeue_after: seconds after which time alone may change the decision.
    reach: how many places for chunks it could use at most, by target, those that it holds included. extra: how many
    of these it has or needs for duplicates.
    """

    status: RenderJobStatus
    actions: tuple[Action, ...] = ()
    events: tuple[Announcement, ...] = ()
    requeue_after: float | None = None
    reach: Mapping[str, int] = field(default_factory=dict)
    extra: int = 0
