"""All that a decision about a RenderJob depends on: one frozen value, created for each reconcile."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from helios_crds.renderjob import RenderJobSpec, TargetUse
from helios_crds.renderjob_status import RenderJobStatus
from helios_crds.rendertarget import RenderTargetSpec
from helios_operator.model.config import DEFAULT_USES, NO_LIMIT
from helios_operator.model.state import Attempt, Work, by_work


@dataclass(frozen=True)
class JobRef:
    """A RenderJob with or without a valid spec.

    resource_version: of the observed version. created: by the API server's clock.
    """

    name: str
    namespace: str
    uid: str
    generation: int
    resource_version: str = field(default="", kw_only=True)
    created: datetime | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class InvalidJob(JobRef):
    """A RenderJob whose spec does not match the schema. error: the field and what is wrong with it."""

    error: str
    status: RenderJobStatus


@dataclass(frozen=True)
class ObservedJob(JobRef):
    """A RenderJob as the API server last sent it. status: as last acknowledged by the API server."""

    spec: RenderJobSpec
    status: RenderJobStatus
    deleting: bool = False

    @property
    def uses(self) -> tuple[TargetUse, ...]:
        """The targets that the RenderJob names, in order of preference; the built-in target if it names none."""
        return tuple(self.spec.execution.targets or DEFAULT_USES)


@dataclass(frozen=True)
class Places:
    """Where a render's files are.

    store, output: URLs of the artifact store, with a trailing slash, and of the film.
    problem: why the namespace may not use them; "" if it may.
    """

    store: str
    output: str
    problem: str = ""


@dataclass(frozen=True)
class NameConflict:
    """A child's name that an object of another owner has. work, number: the attempt that cannot start."""

    kind: str
    name: str
    work: Work
    number: int


@dataclass(frozen=True)
class RejectedStart:
    """An attempt whose Job the API server rejects. message: the API server's. until: when the start may be retried."""

    work: Work
    number: int
    target: str
    by_quota: bool
    message: str
    until: datetime


@dataclass(frozen=True)
class TargetCapacity:
    """Slots for chunks that a target has for one RenderJob.

    granted: its fair share, including the slots that it holds. free: slots that no RenderJob holds now.
    resting: why the target gets no chunks for a while; "" if it is not resting.
    """

    granted: int = NO_LIMIT
    free: int = NO_LIMIT
    resting: str = ""


UNLIMITED = TargetCapacity()


@dataclass(frozen=True)
class Observation:
    """See the module's docstring.

    attempts: Jobs of this RenderJob and invocations for it. now: by the API server's clock.
    targets: all usable RenderTargets, by name. capacity: of the targets that the RenderJob names.
    paid_calls: calls under way to targets outside of the cluster, including those whose result nobody awaits.
    name_conflicts: children's names that objects of other owners have. rejected_starts: starts that the API server
    rejected at the last try. all_rejected: whether it rejected every start of the last batch.
    output_owner: name of an older RenderJob that writes the same film; "" if there is none.
    undeletable: names of Jobs that could not be deleted, each with the reason.
    """

    job: ObservedJob
    attempts: tuple[Attempt, ...]
    now: datetime
    targets: Mapping[str, RenderTargetSpec]
    places: Places
    capacity: Mapping[str, TargetCapacity] = field(default_factory=dict)
    paid_calls: int = 0
    name_conflicts: tuple[NameConflict, ...] = ()
    rejected_starts: tuple[RejectedStart, ...] = ()
    all_rejected: bool = False
    undeletable: tuple[tuple[str, str], ...] = ()
    output_owner: str = ""

    @property
    def store(self) -> str:
        """URL of the artifact store, with a trailing slash."""
        return self.places.store

    @property
    def output(self) -> str:
        """URL of the film."""
        return self.places.output

    def is_offload(self, target: str) -> bool:
        """Whether a usable target runs outside of the cluster."""
        return self.targets[target].is_offload

    def is_outside(self, target: str) -> bool:
        """Whether a target, which may be gone, is known to run outside of the cluster."""
        return target in self.targets and self.is_offload(target)

    def capacity_of(self, target: str) -> TargetCapacity:
        """A target's capacity; a target without an entry is unlimited."""
        return self.capacity.get(target, UNLIMITED)

    @cached_property
    def by_work(self) -> Mapping[Work, list[Attempt]]:
        """Attempts of each piece of work, lowest number first."""
        return by_work(self.attempts)
