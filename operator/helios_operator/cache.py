"""The observed world, in plain dicts, honest about what it does not know.

It is filled by lists and events, and by the answers to our own writes. What we created is there from the moment
of its creation: an event that is older than our write does not undo it, and a list that lacks it may just be
older. What we deleted stays marked as stopping until it is gone.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from helios_operator import observe
from helios_operator.state import Attempt

Object = dict[str, Any]


def version(body: Object) -> int:
    """An object's resourceVersion; comparable within one resource of one API server."""
    text = body["metadata"].get("resourceVersion") or "0"
    return int(text) if text.isdecimal() else 0


class Children:
    """Jobs by RenderJob, pods by Job."""

    def __init__(self) -> None:
        self._jobs: dict[str, dict[str, Object]] = defaultdict(dict)
        self._owner: dict[str, str] = {}
        self._pods: dict[str, dict[str, Object]] = defaultdict(dict)
        self._expected: dict[str, int] = {}

    def put_job(self, body: Object) -> str | None:
        """Takes a Job as it is now. Returns the UID of its RenderJob; None if it is nobody's or older news."""
        owner, uid = observe.owner_uid(body), body["metadata"]["uid"]
        if owner is None:
            return None
        known = self._jobs[owner].get(uid)
        if known is not None and version(known) > version(body):
            return None
        self._jobs[owner][uid] = body
        self._owner[uid] = owner
        return owner

    def expect_job(self, body: Object) -> None:
        """Takes the answer to our own creation: it holds until something newer is heard."""
        self.put_job(body)
        self._expected[body["metadata"]["uid"]] = version(body)

    def drop_job(self, uid: str) -> str | None:
        """A Job is gone, with its pods. Returns the UID of its RenderJob."""
        owner = self._owner.pop(uid, None)
        self._expected.pop(uid, None)
        self._pods.pop(uid, None)
        if owner is not None:
            self._jobs[owner].pop(uid, None)
            if not self._jobs[owner]:
                del self._jobs[owner]
        return owner

    def put_pod(self, body: Object) -> str | None:
        """Takes a pod. Returns the UID of the RenderJob that it matters to."""
        job = observe.job_of_pod(body)
        if job is None:
            return None
        known = self._pods[job].get(body["metadata"]["uid"])
        if known is None or version(known) <= version(body):
            self._pods[job][body["metadata"]["uid"]] = body
        return self._owner.get(job)

    def drop_pod(self, body: Object) -> str | None:
        """A pod is gone. One that ended stays in memory as long as its Job, for its termination message."""
        job = observe.job_of_pod(body)
        if job is None:
            return None
        if (body.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            return self.put_pod(body)
        self._pods[job].pop(body["metadata"]["uid"], None)
        return self._owner.get(job)

    def replace_jobs(self, bodies: Iterable[Object], at: int) -> set[str]:
        """Takes a list of all Jobs, made at a resourceVersion. Returns the RenderJobs whose Jobs changed.

        A Job that is expected and newer than the list is kept: the list could not know it.
        """
        listed = {body["metadata"]["uid"]: body for body in bodies}
        changed = {owner for body in listed.values() if (owner := self.put_job(body))}
        for uid in [uid for uid in self._owner if uid not in listed]:
            if self._expected.get(uid, 0) <= at and (owner := self.drop_job(uid)):
                changed.add(owner)
        return changed

    def replace_pods(self, bodies: Iterable[Object]) -> set[str]:
        """Takes a list of all pods. Pods that are not in it are gone, but for those that ended."""
        listed = list(bodies)
        uids = {body["metadata"]["uid"] for body in listed}
        gone = [pod for pods in self._pods.values() for uid, pod in pods.items() if uid not in uids]
        found = [self.drop_pod(pod) for pod in gone] + [self.put_pod(pod) for pod in listed]
        return {owner for owner in found if owner}

    def attempts(self, owner: str) -> list[Attempt]:
        """Every attempt of a RenderJob."""
        found = (
            observe.attempt(body, self._pods.get(uid, {}).values()) for uid, body in self._jobs.get(owner, {}).items()
        )
        return [attempt for attempt in found if attempt is not None]
