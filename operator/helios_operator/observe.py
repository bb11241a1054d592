"""From the API server's objects to what reconcile works on. Untrusted: an object that makes no sense is skipped."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from helios_crds.renderjob import RenderJobSpec
from helios_crds.renderjob_status import RenderJobStatus
from helios_crds.wire import RESULT_BYTES
from helios_operator.config import BUILT_IN
from helios_operator.manifests.names import TARGET, UID, read_labels
from helios_operator.manifests.pod import CONTAINER
from helios_operator.policies.results import clean
from helios_operator.state import Attempt, AttemptPhase, ObservedJob

Object = Mapping[str, Any]


def render_job(body: Object) -> ObservedJob:
    """A RenderJob as reconcile sees it. A status that cannot be read counts as none: the render starts over.

    Raises:
        ValidationError: the spec does not follow the schema; it names the field.
    """
    meta = body["metadata"]
    try:
        status = RenderJobStatus.model_validate(body.get("status") or {})
    except ValidationError:
        status = RenderJobStatus()
    return ObservedJob(
        name=meta["name"],
        namespace=meta["namespace"],
        uid=meta["uid"],
        generation=meta.get("generation", 0),
        spec=RenderJobSpec.model_validate(body["spec"]),
        status=status,
        deleting="deletionTimestamp" in meta,
    )


def owner_uid(body: Object) -> str | None:
    """UID of the RenderJob that a child belongs to; None unless label and ownerReference agree."""
    meta = body["metadata"]
    labelled = (meta.get("labels") or {}).get(UID)
    owners = [owner.get("uid") for owner in meta.get("ownerReferences") or () if owner.get("controller")]
    return labelled if labelled and labelled in owners else None


def job_of_pod(pod: Object) -> str | None:
    """UID of the Job that a pod belongs to."""
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((owner.get("uid") for owner in owners if owner.get("kind") == "Job"), None)


def attempt(job: Object, pods: Iterable[Object]) -> Attempt | None:
    """A Job with its pods as an attempt; None where its labels are not ours.

    Of several pods, which the Job controller makes after a disruption, the youngest counts.
    """
    meta, status = job["metadata"], job.get("status") or {}
    told = read_labels(meta.get("labels") or {})
    if told is None:
        return None
    pod = max(pods, key=lambda pod: pod["metadata"].get("creationTimestamp") or "", default=None)
    state = _container_state(pod)
    ended = state.get("terminated") or {}
    running = state.get("running") or {}
    phase = _phase(job, bool(running or ended))
    if pod is not None and not ended and phase in (AttemptPhase.SUCCEEDED, AttemptPhase.FAILED):
        phase = AttemptPhase.RUNNING  # the Job's news came before the pod's, which has the exit code and message
    return Attempt(
        name=meta["name"],
        uid=meta["uid"],
        work=told[0],
        number=told[1],
        target=(meta.get("annotations") or {}).get(TARGET, BUILT_IN),
        phase=phase,
        created=_time(status.get("startTime")) or _time(meta["creationTimestamp"]) or _time_of_finish(job) or _EPOCH,
        started=_time((running or ended).get("startedAt")),
        finished=_time(ended.get("finishedAt")) or _time_of_finish(job),
        exit_code=ended.get("exitCode"),
        message=str(ended.get("message") or _pod_words(pod) or "")[:RESULT_BYTES],
        waiting=_waiting(pod, state),
        disrupted=_condition(pod, "DisruptionTarget") is not None,
        stopping="deletionTimestamp" in meta,
        terminating_since=_terminating_since(pod),
    )


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _phase(job: Object, has_started: bool) -> AttemptPhase:
    if _is_true(job, "Complete") or _is_true(job, "SuccessCriteriaMet"):
        return AttemptPhase.SUCCEEDED
    if _is_true(job, "Failed"):
        return AttemptPhase.FAILED
    if (job.get("spec") or {}).get("suspend"):
        return AttemptPhase.QUEUED
    return AttemptPhase.RUNNING if has_started else AttemptPhase.WAITING


def _condition(body: Object | None, kind: str) -> Object | None:
    found = ((body or {}).get("status") or {}).get("conditions") or ()
    return next((item for item in found if item.get("type") == kind and item.get("status") == "True"), None)


def _is_true(body: Object, kind: str) -> bool:
    return _condition(body, kind) is not None


def _container_state(pod: Object | None) -> Object:
    statuses = ((pod or {}).get("status") or {}).get("containerStatuses") or ()
    return next((item.get("state") or {} for item in statuses if item.get("name") == CONTAINER), {})


def _pod_words(pod: Object | None) -> str | None:
    """What the kubelet says of a pod without a container's message, such as that its volume grew too large."""
    status = (pod or {}).get("status") or {}
    return status.get("message") or status.get("reason")


def _waiting(pod: Object | None, state: Object) -> str:
    """Why a pod does not start, in the kubelet's or the scheduler's words."""
    why = state.get("waiting") or {}
    conditions = ((pod or {}).get("status") or {}).get("conditions") or ()
    unscheduled: Object = next(
        (item for item in conditions if item.get("type") == "PodScheduled" and item.get("status") == "False"), {}
    )
    told = why if why.get("message") or not unscheduled else unscheduled
    return clean(": ".join(str(told[key]) for key in ("reason", "message") if told.get(key)), 300)


def _terminating_since(pod: Object | None) -> datetime | None:
    """A pod's deletion time lies at the end of its grace period."""
    return _time(((pod or {}).get("metadata") or {}).get("deletionTimestamp"))


def _time_of_finish(job: Object) -> datetime | None:
    status = job.get("status") or {}
    failed = _condition(job, "Failed") or {}
    return _time(status.get("completionTime")) or _time(failed.get("lastTransitionTime"))


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")) if isinstance(text, str) else None
    except ValueError:
        return None
