"""The decision about a RenderJob: its new status, attempts to start and to stop, Events for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from helios_crds.renderjob_status import RenderJobStatus
from helios_operator.model.state import Work


@dataclass(frozen=True)
class StartAttempt:
    """Creates the Job or invokes the target. The name follows from these fields, so a second creation conflicts."""

    work: Work
    number: int
    target: str


@dataclass(frozen=True)
class StopAttempt:
    """Deletes the Job with its pod, if the Job still has this UID. why: for the log."""

    name: str
    uid: str
    why: str


@dataclass(frozen=True)
class Announcement:
    """An Event for people.

    kind: Normal or Warning. topic: the same for Events that differ only in figures; "" means the message itself.
    times: how many occurrences this Event stands for.
    """

    kind: str
    reason: str
    message: str
    topic: str = ""
    times: int = 1


@dataclass(frozen=True)
class Demand:
    """Slots that a RenderJob could use.

    by_target: the most slots on each target, including those it holds; a target without an entry has no limit.
    duplicates: slots that it holds or needs for second attempts at slow chunks. alone: the target that has to run the
    plan or the stitch, if that is due and the RenderJob does not name the target; "" otherwise.
    """

    by_target: Mapping[str, int] = field(default_factory=dict)
    duplicates: int = 0
    alone: str = ""


@dataclass(frozen=True)
class Decision:
    """What the executor carries out.

    status: written first if it differs: it records what the starts depend on. Stops depend only on the status that
    the API server has acknowledged.
    renew_inputs: whether the plan's inputs are created again, in case that somebody deleted them.
    requeue_after: seconds after which the passing of time may change the decision; None: it cannot.
    """

    status: RenderJobStatus
    stops: tuple[StopAttempt, ...] = ()
    starts: tuple[StartAttempt, ...] = ()
    events: tuple[Announcement, ...] = ()
    renew_inputs: bool = False
    requeue_after: float | None = None
    demand: Demand = Demand()
