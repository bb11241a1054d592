"""All RenderJobs in their last known version, each with everything the operator keeps about it in one record."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from helios_crds.rendertarget import RenderTargetSpec
from helios_operator.kube.client import version
from helios_operator.kube.tombstones import Tombstones
from helios_operator.model.config import Config
from helios_operator.model.decision import Demand
from helios_operator.model.invoked import Invoked
from helios_operator.model.locations import places_of, planned_output
from helios_operator.model.observation import InvalidJob, Observation, ObservedJob, TargetCapacity
from helios_operator.model.state import Attempt
from helios_operator.observed import parse
from helios_operator.observed.name_conflicts import NameConflicts
from helios_operator.observed.outputs import Outputs, film_of
from helios_operator.observed.rejected_starts import RejectedStarts

Object = dict[str, Any]


@dataclass(eq=False)
class Render:
    """One RenderJob and the operator's knowledge about it. Only the job itself is stored by the API server.

    version: the job's resourceVersion as a number. undeletable: names of Jobs that could not be deleted, each with
    the reason. demand: as last decided. reconciled_at: by the event loop's clock; None: the next reconcile need not
    wait.
    """

    job: ObservedJob | InvalidJob
    version: int
    rejected_starts: RejectedStarts
    name_conflicts: NameConflicts = field(default_factory=NameConflicts)
    undeletable: Mapping[str, str] = field(default_factory=dict)
    demand: Demand = Demand()
    reconciled_at: float | None = None
    is_gone: bool = False

    def observe(
        self,
        job: ObservedJob,
        attempts: Sequence[Attempt],
        invoked: Invoked,
        targets: Mapping[str, RenderTargetSpec],
        capacity: Mapping[str, TargetCapacity],
        now: datetime,
        config: Config,
        output_owner: str = "",
    ) -> Observation:
        """The observation for one decision. job: as it was when its slots were counted. attempts: its Jobs.

        output_owner: name of an older RenderJob that writes the same film.
        """
        return Observation(
            job=job,
            attempts=(*attempts, *invoked.attempts),
            now=now,
            targets=targets,
            places=places_of(job, targets, config),
            capacity=capacity,
            paid_calls=invoked.calls,
            name_conflicts=self.name_conflicts.known(),
            rejected_starts=self.rejected_starts.known(),
            all_rejected=self.rejected_starts.all_rejected,
            undeletable=tuple(self.undeletable.items()),
            output_owner=output_owner,
        )


class Renders:
    """All RenderJobs, by UID.

    on_output: called with the UID of a RenderJob whose output another one may have given up.
    targets: the usable RenderTargets; they say in which folder a namespace's films are.
    """

    def __init__(
        self,
        config: Config,
        on_output: Callable[[str], None] = lambda _: None,
        targets: Callable[[], Mapping[str, RenderTargetSpec]] = dict,
    ) -> None:
        self._of: dict[str, Render] = {}
        self._config = config
        self._outputs = Outputs()
        self._on_output = on_output
        self._targets = targets
        self._gone = Tombstones()

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._of))

    def get(self, uid: str) -> Render | None:
        """A RenderJob; None if it is gone or unknown."""
        return self._of.get(uid)

    def put(self, body: Object) -> Render | None:
        """Adds or updates a RenderJob; None if this version is known already, as after our own write, or is older."""
        uid, at = body["metadata"]["uid"], version(body)
        render = self._of.get(uid)
        if uid in self._gone or (render is not None and render.version >= at):
            return None
        job = parse.render_job(body)
        if render is None:
            render = self._of[uid] = Render(job, at, RejectedStarts(uid))
        render.job, render.version = job, at
        self._claim_output(job)
        return render

    def output_owner(self, uid: str) -> str:
        """Name of the older RenderJob that writes the same film by the RenderTargets of now; "" if there is none."""
        if uid in self._of:
            self._claim_output(self._of[uid].job)
        return self._outputs.owner(uid)

    def _claim_output(self, job: ObservedJob | InvalidJob) -> None:
        planned = planned_output(job, self._targets(), self._config) if isinstance(job, ObservedJob) else ""
        self._wake(self._outputs.put(job, film_of(job, planned)))

    def drop(self, uid: str) -> None:
        """Drops a deleted RenderJob. Later events about it are ignored."""
        self._gone.add(uid)
        self._wake(self._outputs.drop(uid))
        render = self._of.pop(uid, None)
        if render is not None:
            render.is_gone = True

    def _wake(self, uids: Collection[str]) -> None:
        for uid in uids:
            self._on_output(uid)

    def missing_from(self, uids: Collection[str], at: int) -> list[str]:
        """RenderJobs that a complete list lacks, unless they are newer. at: the list's resourceVersion."""
        return [uid for uid, render in self._of.items() if render.version <= at and uid not in uids]

    def jobs(self) -> list[ObservedJob | InvalidJob]:
        """Every known RenderJob; may be called from any thread."""
        return [render.job for render in list(self._of.values())]
