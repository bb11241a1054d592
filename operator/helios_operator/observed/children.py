"""The observed world, honest about what it does not know, and small.

It is filled by lists and events, and by the answers to our own writes. What we created is there from the moment
of its creation: an event that is older than our write does not undo it, and a list that lacks it may just be
older. What we deleted stays marked as stopping until it is gone.

Of an object only what matters is kept, and of an attempt that is over only what it came to: 1.3 KiB a chunk, where
a Job and its pod have 30 as the API server gives them.
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
    """A Job with its pods. body: None once the attempt is over. expected: our own write's version, until it is seen."""

    owner: str
    namespace: str
    version: int
    body: Object | None
    pods: dict[str, Object] = field(default_factory=dict)
    attempt: Attempt | None = None
    expected: int = 0

    def look(self) -> None:
        """Works out the attempt anew."""
        if self.body is None:
            return
        attempt = parse.attempt(self.body, self.pods.values())
        if attempt is not None and _is_over(attempt, self.pods.values()):
            self.body, self.pods = None, {}
            if attempt.phase is AttemptPhase.SUCCEEDED and attempt.work.stage is Stage.CHUNK:
                attempt = replace(attempt, message="")  # the manifest in the store says more
        self.attempt = attempt

    @property
    def slot(self) -> str | None:
        """The target on which it holds a slot, if it does."""
        return self.attempt.target if self.attempt is not None and holds_slot(self.attempt) else None


def holds_slot(attempt: Attempt) -> bool:
    """Whether it takes up room on its target.

    One that was told to end does not: its node may be gone, and it may never be said to have ended.
    """
    return attempt.is_active and attempt.work.stage is Stage.CHUNK and attempt.terminating_since is None


class Children:
    """Jobs with their pods, by RenderJob.

    on_free: told the name of a target when a chunk there no longer holds its slot.
    """

    def __init__(self, on_free: Callable[[str], None] = lambda _: None) -> None:
        self._children: dict[str, _Child] = {}
        self._of: dict[str, dict[str, _Child]] = defaultdict(dict)
        self._early: dict[str, dict[str, Object]] = defaultdict(dict)
        self._held: Counter[str] = Counter()
        self._on_free = on_free
        self._departed = Tombstones()

    def put_job(self, body: Object) -> str | None:
        """Takes a Job as it is now. Returns the UID of its RenderJob; None if it is nobody's or older news."""
        owner, uid, meta = parse.owner_uid(body), body["metadata"]["uid"], body["metadata"]
        if owner is None or uid in self._departed:
            return None
        child = self._children.get(uid)
        if child is None:
            early = self._early.pop(uid, {}).items()
            pods = {pod: found for pod, found in early if found["metadata"].get("namespace") == meta["namespace"]}
            child = _Child(owner, meta["namespace"], version(body), None, pods)
            self._children[uid] = self._of[owner][uid] = child
        elif child.version >= version(body):
            return None
        elif child.body is None:  # it is over: nothing but its end can come
            child.version = version(body)
            if child.attempt is not None and "deletionTimestamp" in meta:
                child.attempt = replace(child.attempt, stopping=True)
            return owner
        with self._counting(child):
            child.version, child.body = version(body), trim.of_job(body)
            child.look()
        return owner

    def expect_job(self, body: Object) -> None:
        """Takes the answer to our own creation: it holds until something newer is heard."""
        self.put_job(body)
        if (child := self._children.get(body["metadata"]["uid"])) is not None:
            child.expected = version(body)

    def drop_job(self, uid: str) -> str | None:
        """A Job is gone, with its pods. Returns the UID of its RenderJob."""
        self._departed.add(uid)
        self._early.pop(uid, None)
        child = self._children.pop(uid, None)
        if child is None:
            return None
        if child.slot is not None:
            self._let_go(child.slot)
        del self._of[child.owner][uid]
        if not self._of[child.owner]:
            del self._of[child.owner]
        return child.owner

    def put_pod(self, body: Object) -> str | None:
        """Takes a pod. Returns the UID of the RenderJob that it matters to."""
        job = parse.job_of_pod(body)
        if job is None:
            return None
        child = self._children.get(job)
        if child is None:
            self._put_newer(self._early[job], body)
            return None
        if child.namespace != body["metadata"].get("namespace"):
            return None  # forged, whatever owner it names
        if child.body is not None:
            with self._counting(child):
                if not self._put_newer(child.pods, body):
                    return None
                child.look()
        elif child.attempt is not None and child.attempt.started is None:
            started, finished = parse.container_times(body)
            child.attempt = replace(child.attempt, started=started, finished=finished or child.attempt.finished)
        return child.owner

    def drop_pod(self, body: Object) -> str | None:
        """A pod is gone. One that ended stays in memory as long as its Job, for its termination message."""
        job = parse.job_of_pod(body)
        if job is None:
            return None
        child = self._children.get(job)
        if child is None:  # its Job went before it, or was never heard of
            self._forget_early(job, body["metadata"]["uid"])
            return None
        if parse.has_ended(body):
            return self.put_pod(body)
        with self._counting(child):
            child.pods.pop(body["metadata"]["uid"], None)
            child.look()
        return child.owner

    def keep_jobs(self, uids: Collection[str], at: int) -> set[str]:
        """Drops the Jobs that a list of all of them lacks. Returns the RenderJobs whose Jobs are gone.

        A Job that is expected and newer than the list, made at a resourceVersion, is kept: the list could not know it.
        """
        gone = [uid for uid, child in self._children.items() if uid not in uids and child.expected <= at]
        return {owner for uid in gone if (owner := self.drop_job(uid))}

    def keep_pods(self, uids: Collection[str]) -> set[str]:
        """Drops the pods that a list of all of them lacks, but for those that ended. Returns their RenderJobs."""
        known = [child.pods for child in self._children.values()] + list(self._early.values())
        gone = [pod for pods in known for uid, pod in pods.items() if uid not in uids]
        return {owner for pod in gone if (owner := self.drop_pod(pod))}

    def attempts(self, owner: str, namespace: str) -> list[Attempt]:
        """Every attempt of a RenderJob.

        What is in another namespace than the RenderJob is forged, whatever owner it names.
        """
        found = (child.attempt for child in self._of.get(owner, {}).values() if child.namespace == namespace)
        return [attempt for attempt in found if attempt is not None]

    def held(self, target: str) -> int:
        """Capacity on a target that chunks of all RenderJobs hold."""
        return self._held[target]

    def _forget_early(self, job: str, pod: str) -> None:
        pods = self._early.get(job, {})
        pods.pop(pod, None)
        if not pods:
            self._early.pop(job, None)

    def _put_newer(self, pods: dict[str, Object], body: Object) -> bool:
        """Takes a pod, unless it is known already as it is, or newer."""
        known = pods.get(body["metadata"]["uid"])
        is_news = known is None or version(known) < version(body)
        if is_news:
            pods[body["metadata"]["uid"]] = trim.of_pod(body)
        return is_news

    @contextmanager
    def _counting(self, child: _Child) -> Iterator[None]:
        """Keeps count of the slots over a change of a child."""
        before = child.slot
        yield
        if child.slot == before:
            return
        if child.slot is not None:
            self._held[child.slot] += 1
        if before is not None:
            self._let_go(before)

    def _let_go(self, target: str) -> None:
        self._held[target] -= 1
        self._on_free(target)


def _is_over(attempt: Attempt, pods: Iterable[Object]) -> bool:
    """Whether nothing can be heard of it any more that matters: a chunk's success needs no pod's word."""
    if attempt.is_active:
        return False
    is_proven = attempt.phase is AttemptPhase.SUCCEEDED and attempt.work.stage is Stage.CHUNK
    return is_proven or any(parse.has_ended(pod) for pod in pods)
