"""What follows from an observation: a status, work to start and to stop, Events for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from helios_crds.renderjob_status import RenderJobStatus
from helios_operator.model.state import Work


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


@dataclass(frozen=True)
class Announcement:
    """An Event for people.

    kind: Normal or Warning. topic: equal for Events that repeat each other with other figures; "": the message itself.
    times: how many occurrences this one stands for.
    """

    kind: str
    reason: str
    message: str
    topic: str = ""
    times: int = 1


@dataclass(frozen=True)
class Demand:
    """Slots for chunks that a RenderJob could use.

    by_target: at most on each target, those that it holds included; a target without an entry: as many as it gets.
    duplicates: how many slots it has or needs for second attempts at slow chunks.
    """

    by_target: Mapping[str, int] = field(default_factory=dict)
    duplicates: int = 0


@dataclass(frozen=True)
class Decision:
    """What follows from an observation.

    status: written first if it differs, since work may start whose record changes by this very status. Stops follow
    from acknowledged status alone.
    requeue_after: seconds after which time alone may change the decision; None: it cannot.
    """

    status: RenderJobStatus
    stops: tuple[StopAttempt, ...] = ()
    starts: tuple[StartAttempt, ...] = ()
    events: tuple[Announcement, ...] = ()
    requeue_after: float | None = None
    demand: Demand = Demand()
