"""The cache of Jobs and pods, by RenderJob: always up to date with our own writes, and small.

Lists, watch events and the answers to our own writes fill it. A Job that we created is in the cache at once: an older
event does not undo it, and a list without it may be older than the Job. A Job that we deleted is marked as stopping
until it is gone.

The cache keeps only the fields that are read, and only the outcome of an ended attempt: 1.3 KiB a chunk. A Job and its
pod have 30 KiB as the API server sends them.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from helios_crds.wire import Stage
from helios_operator.kube.client import version
from helios_operator.kube.tombstones import Tombstones
from helios_operator.model.state import Attempt, AttemptPhase
from helios_operator.observed import parse, trim

Object = dict[str, Any]


@dataclass(slots=True)
class _Child:
    """A Job with its pods. body: None once the attempt is over. expected: version of our own write; 0: none."""

    owner: str
    namespace: str
    version: int
    body: Object | None
    pods: dict[str, Object] = field(default_factory=dict)
    attempt: Attempt | None = None
    expected: int = 0

    def update_attempt(self) -> None:
        """Parses the attempt again after a change of the Job or a pod."""
        if self.body is None:
            return
        attempt = parse.attempt(self.body, self.pods.values())
        if attempt is not None and _is_over(attempt, self.pods.values()):
            self.body, self.pods = None, {}
            if attempt.phase is AttemptPhase.SUCCEEDED and attempt.work.stage is Stage.CHUNK:
                attempt = replace(attempt, message="")  # the manifest in the store has the result
        self.attempt = attempt

    @property
    def slot(self) -> str | None:
        """The target on which the attempt holds a slot; None if it holds none."""
        return self.attempt.target if self.attempt is not None and holds_slot(self.attempt) else None


def holds_slot(attempt: Attempt) -> bool:
    """Whether an attempt holds a slot on its target.

    An attempt whose pod is terminating holds none: its node may be gone, and its end may never be reported.
    """
    return attempt.is_active and attempt.terminating_since is None


class Children:
    """Jobs with their pods, by RenderJob.

    on_free: called with the name of a target when an attempt no longer holds its slot there.
    """

    def __init__(self, on_free: Callable[[str], None] = lambda _: None) -> None:
        self._children: dict[str, _Child] = {}
        self._of: dict[str, dict[str, _Child]] = defaultdict(dict)
        self._early: dict[str, dict[str, Object]] = defaultdict(dict)
        self._held: Counter[str] = Counter()
        self._on_free = on_free
        self._departed = Tombstones()

    def put_job(self, body: Object) -> str | None:
        """Adds or updates a Job. Returns the UID of its RenderJob; None if the Job is not ours or the news is old."""
        owner, uid, meta = parse.owner_uid(body), body["metadata"]["uid"], body["metadata"]
        if owner is None or uid in self._departed:
            return None
        child = self._children.get(uid)
        if child is None:
            early = self._early.pop(uid, {}).items()
            pods = {pod: body for pod, body in early if body["metadata"].get("namespace") == meta["namespace"]}
            child = _Child(owner, meta["namespace"], version(body), None, pods)
            self._children[uid] = self._of[owner][uid] = child
        elif child.version >= version(body):
            return None
        elif child.body is None:  # the attempt is over: only a deletion can follow
            child.version = version(body)
            if child.attempt is not None and "deletionTimestamp" in meta:
                child.attempt = replace(child.attempt, stopping=True)
            return owner
        with self._counting(child):
            child.version, child.body = version(body), trim.of_job(body)
            child.update_attempt()
        return owner

    def expect_job(self, body: Object) -> None:
        """Adds a Job from the answer to our own creation. A list that is older than the Job does not drop it."""
        self.put_job(body)
        if (child := self._children.get(body["metadata"]["uid"])) is not None:
            child.expected = version(body)

    def drop_job(self, uid: str) -> str | None:
        """Drops a deleted Job with its pods. Returns the UID of its RenderJob."""
        self._departed.add(uid)
        self._early.pop(uid, None)
        child = self._children.pop(uid, None)
        if child is None:
            return None
        if child.slot is not None:
            self._release(child.slot)
        del self._of[child.owner][uid]
        if not self._of[child.owner]:
            del self._of[child.owner]
        return child.owner

    def put_pod(self, body: Object) -> str | None:
        """Adds or updates a pod. Returns the UID of its RenderJob; None if nothing changed for one."""
        job = parse.job_of_pod(body)
        if job is None:
            return None
        child = self._children.get(job)
        if child is None:
            self._put_newer(self._early[job], body)
            return None
        if child.namespace != body["metadata"].get("namespace"):
            return None  # forged: an owner is in the same namespace
        if child.body is not None:
            with self._counting(child):
                if not self._put_newer(child.pods, body):
                    return None
                child.update_attempt()
        elif child.attempt is not None and child.attempt.started is None:
            started, finished = parse.container_times(body)
            child.attempt = replace(child.attempt, started=started, finished=finished or child.attempt.finished)
        return child.owner

    def drop_pod(self, body: Object) -> str | None:
        """Drops a deleted pod. An ended pod is kept with its Job, for its termination message."""
        job = parse.job_of_pod(body)
        if job is None:
            return None
        child = self._children.get(job)
        if child is None:  # the Job was deleted before it, or is unknown
            self._forget_early(job, body["metadata"]["uid"])
            return None
        if parse.has_ended(body):
            return self.put_pod(body)
        with self._counting(child):
            child.pods.pop(body["metadata"]["uid"], None)
            child.update_attempt()
        return child.owner

    def keep_jobs(self, uids: Collection[str], at: int) -> set[str]:
        """Drops the Jobs that a complete list lacks. Returns the RenderJobs whose Jobs are gone.

        at: the list's resourceVersion. A Job that we created after it is kept, since the list cannot have it.
        """
        gone = [uid for uid, child in self._children.items() if uid not in uids and child.expected <= at]
        return {owner for uid in gone if (owner := self.drop_job(uid))}

    def keep_pods(self, uids: Collection[str]) -> set[str]:
        """Drops the pods that a complete list lacks, except ended ones. Returns their RenderJobs."""
        known = [child.pods for child in self._children.values()] + list(self._early.values())
        gone = [pod for pods in known for uid, pod in pods.items() if uid not in uids]
        return {owner for pod in gone if (owner := self.drop_pod(pod))}

    def attempts(self, owner: str, namespace: str) -> list[Attempt]:
        """Every attempt of a RenderJob.

        A Job in another namespace than the RenderJob is forged, whatever owner it names.
        """
        attempts = (child.attempt for child in self._of.get(owner, {}).values() if child.namespace == namespace)
        return [attempt for attempt in attempts if attempt is not None]

    def held(self, target: str) -> int:
        """Slots on a target that chunks of all RenderJobs hold."""
        return self._held[target]

    def _forget_early(self, job: str, pod: str) -> None:
        pods = self._early.get(job, {})
        pods.pop(pod, None)
        if not pods:
            self._early.pop(job, None)

    def _put_newer(self, pods: dict[str, Object], body: Object) -> bool:
        """Adds or updates a pod, unless the cache has this version or a newer one."""
        known = pods.get(body["metadata"]["uid"])
        is_newer = known is None or version(known) < version(body)
        if is_newer:
            pods[body["metadata"]["uid"]] = trim.of_pod(body)
        return is_newer

    @contextmanager
    def _counting(self, child: _Child) -> Iterator[None]:
        """Updates the count of held slots after a change of a child."""
        before = child.slot
        yield
        if child.slot == before:
            return
        if child.slot is not None:
            self._held[child.slot] += 1
        if before is not None:
            self._release(before)

    def _release(self, target: str) -> None:
        self._held[target] -= 1
        self._on_free(target)


def _is_over(attempt: Attempt, pods: Iterable[Object]) -> bool:
    """Whether no later event can change the outcome. A chunk's success needs no message of its pod."""
    if attempt.is_active:
        return False
    is_proven = attempt.phase is AttemptPhase.SUCCEEDED and attempt.work.stage is Stage.CHUNK
    return is_proven or any(parse.has_ended(pod) for pod in pods)
