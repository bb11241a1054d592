"""What the operator sees and does, as plain data. No Kubernetes types here, no I/O, no clock."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

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


def by_work(attempts: Iterable[Attempt]) -> Mapping[Work, list[Attempt]]:
    """Attempts of each piece of work, lowest number first."""
    found: dict[Work, list[Attempt]] = defaultdict(list)
    for attempt in sorted(attempts, key=lambda attempt: attempt.number):
        found[attempt.work].append(attempt)
    return found


@dataclass(frozen=True)
class Tried:
    """Where a chunk was tried without success so far, and how often.

    may_wait: whether it may wait for a slot where it was tried less often; not for ever, since none may come.
    """

    times: Mapping[str, int] = field(default_factory=dict)
    may_wait: bool = False


UNTRIED = Tried()
