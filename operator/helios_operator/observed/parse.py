"""Parses the API server's objects. They are untrusted: an object that is not valid is skipped."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from sys import intern
from typing import Any

from pydantic import ValidationError

from helios_crds.renderjob import CompositionSpec, RenderJobSpec
from helios_crds.renderjob_status import MAX_IMAGE, FilmStatus, RenderJobStatus
from helios_crds.text import one_line
from helios_crds.wire import RESULT_BYTES, ExitCode
from helios_operator.decide.policies.failure_causes import OUT_OF_MEMORY
from helios_operator.manifests.names import PLANNED, TARGET, UID, is_owner_reference, read_labels
from helios_operator.manifests.pod import CONTAINER
from helios_operator.model.config import BUILT_IN
from helios_operator.model.image import image_record
from helios_operator.model.observation import InvalidJob, ObservedJob
from helios_operator.model.state import Attempt, AttemptPhase
from helios_operator.observed.waiting import condition, is_true, reason_and_message, says_no, why_waiting

Object = Mapping[str, Any]
MAX_ERRORS, MAX_FIELD, MAX_WHY = 3, 120, 200
SIGKILLED = 137
TTL = "ttlAfterFinished"
_ENDED = RenderJobSpec(composition=CompositionSpec(url="file:///"))


def render_job(body: Object) -> ObservedJob | InvalidJob:
    """A RenderJob for reconcile. A status that is not valid counts as empty: the render starts over.

    Ended RenderJobs are kept by the thousand, so only what is still read is kept of them, without page and conditions;
    the conditions too while they are of an older generation.
    """
    meta = body["metadata"]
    try:
        status = RenderJobStatus.model_validate(body.get("status") or {})
    except ValidationError:
        status = RenderJobStatus()
    identity = (meta["name"], meta["namespace"], meta["uid"], meta.get("generation", 0))
    seen = {"resource_version": meta.get("resourceVersion", ""), "created": _time(meta.get("creationTimestamp"))}
    if status.completionTime is not None:
        return ObservedJob(*identity, _ended_spec(body.get("spec")), _ended_status(status, identity[3]), **seen)
    try:
        spec = RenderJobSpec.model_validate(body.get("spec"))
    except ValidationError as error:
        return InvalidJob(*identity, spec_errors(error), status, **seen)
    return ObservedJob(*identity, spec, status, deleting="deletionTimestamp" in meta, **seen)


def _ended_spec(spec: Any) -> RenderJobSpec:
    """Of an ended RenderJob's spec, only for how long its finished Jobs are kept."""
    try:
        kept = RenderJobSpec.model_validate({"composition": {"url": "file:///"}, "ttlAfterFinished": spec[TTL]})
    except (ValidationError, TypeError, KeyError):
        return _ENDED
    return kept if kept != _ENDED else _ENDED


def _ended_status(status: RenderJobStatus, generation: int) -> RenderJobStatus:
    if status.observedGeneration != generation:
        return status
    film = None if status.output is None else FilmStatus(url=status.output.url)
    return RenderJobStatus(
        observedGeneration=generation, phase=status.phase, completionTime=status.completionTime, output=film
    )


def spec_errors(error: ValidationError) -> str:
    """The first few wrong fields of a spec, and what is wrong with each."""
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    shown = [
        f"{one_line('.'.join(['spec', *map(str, item['loc'])]), MAX_FIELD)}: {one_line(item['msg'], MAX_WHY)}"
        for item in errors[:MAX_ERRORS]
    ]
    rest = len(errors) - len(shown)
    return "; ".join(shown) + (f"; and {rest} more" if rest else "")


def owner_uid(body: Object) -> str | None:
    """UID of the RenderJob that owns a child; None unless label and ownerReference agree.

    The garbage collector deletes children without an existing owner, so a made-up RenderJob has no children.
    """
    meta = body["metadata"]
    labelled = (meta.get("labels") or {}).get(UID)
    owners = [owner.get("uid") for owner in meta.get("ownerReferences") or () if is_owner_reference(owner)]
    return labelled if labelled and labelled in owners else None


def job_of_pod(pod: Object) -> str | None:
    """UID of the Job that owns a pod."""
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((owner.get("uid") for owner in owners if owner.get("kind") == "Job" and owner.get("controller")), None)


def has_ended(pod: Object) -> bool:
    """Whether a pod has ended, by its phase: an ended pod stays ended."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def container_times(pod: Object) -> tuple[datetime | None, datetime | None]:
    """When the worker's container started and ended, by its kubelet."""
    state = _container_state(pod)
    ended = state.get("terminated") or {}
    return _time((state.get("running") or ended).get("startedAt")), _time(ended.get("finishedAt"))


def attempt(job: Object, pods: Iterable[Object]) -> Attempt | None:
    """A Job with its pods as an attempt; None if its labels are not ours.

    The Job controller creates another pod after a disruption; the youngest pod counts.
    """
    meta, status = job["metadata"], job.get("status") or {}
    label_values = read_labels(meta.get("labels") or {})
    if label_values is None:
        return None
    pod = max(pods, key=lambda pod: pod["metadata"].get("creationTimestamp") or "", default=None)
    made: Object = pod["metadata"] if pod is not None else {}
    state = _container_state(pod)
    ended = state.get("terminated") or {}
    running = state.get("running") or {}
    # The container status of an evicted pod may still say waiting. The pod's phase is final.
    pod_ended = bool(ended) or (pod is not None and has_ended(pod))
    is_running = bool(running) or ((pod or {}).get("status") or {}).get("phase") == "Running"
    is_disrupted = _is_disrupted(pod, ended)
    # The Job controller replaces a disrupted pod, unless a quota or an admission rule rejects the new one.
    is_replaced = pod_ended and is_disrupted and _terminating_since(pod) is None
    phase = _phase(job, (is_running or pod_ended) and not is_replaced)
    is_gone = is_replaced and phase is AttemptPhase.WAITING
    if pod is not None and not pod_ended and phase in (AttemptPhase.SUCCEEDED, AttemptPhase.FAILED):
        phase = AttemptPhase.RUNNING  # the pod's event follows the Job's, with exit code and message
    return Attempt(
        name=meta["name"],
        uid=meta["uid"],
        work=label_values[0],
        number=label_values[1],
        target=(meta.get("annotations") or {}).get(TARGET, BUILT_IN),
        phase=phase,
        # The wait of a replacement counts from its own creation, or from the end of the pod before, not from the Job's.
        created=(_time_of_end(pod, ended) if is_gone else None)
        or _time(made.get("creationTimestamp"))
        or _time(status.get("startTime"))
        or _time(meta["creationTimestamp"])
        or _time_of_finish(job)
        or _EPOCH,
        started=_time((running or ended).get("startedAt")),
        finished=_time(ended.get("finishedAt")) or _time_of_finish(job),
        allowed=_time_allowed(job),
        exit_code=ended.get("exitCode"),
        reason=_reason(pod, ended),
        message=str(_pod_message(pod) or ended.get("message") or "")[:RESULT_BYTES],
        waiting=why_waiting(job, phase, None if is_gone else pod, state),
        leaving="" if is_gone else _why_leaving(pod, has_ended=bool(ended)),
        silent=_is_silent(pod),
        disrupted=is_disrupted,
        stopping="deletionTimestamp" in meta,
        terminating_since=_terminating_since(pod),
        plan=intern(str((meta.get("annotations") or {}).get(PLANNED, ""))[:64]),
        image=_image(pod),
    )


def _image(pod: Object | None) -> str:
    containers = ((pod or {}).get("spec") or {}).get("containers") or ()
    statuses = ((pod or {}).get("status") or {}).get("containerStatuses") or ()
    image = next((item.get("image") for item in containers if item.get("name") == CONTAINER), None)
    image_id = next((item.get("imageID") for item in statuses if item.get("name") == CONTAINER), None)
    return image_record(str(image or ""), str(image_id or ""))[:MAX_IMAGE]


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _phase(job: Object, has_started: bool) -> AttemptPhase:
    if is_true(job, "Complete") or is_true(job, "SuccessCriteriaMet"):
        return AttemptPhase.SUCCEEDED
    if is_true(job, "Failed"):
        return AttemptPhase.FAILED
    if (job.get("spec") or {}).get("suspend"):
        return AttemptPhase.QUEUED
    return AttemptPhase.RUNNING if has_started else AttemptPhase.WAITING


def _container_state(pod: Object | None) -> Object:
    statuses = ((pod or {}).get("status") or {}).get("containerStatuses") or ()
    return next((item.get("state") or {} for item in statuses if item.get("name") == CONTAINER), {})


def _reason(pod: Object | None, ended: Object) -> str:
    """The kubelet's reason for the end: Evicted and DeadlineExceeded are of the pod, OOMKilled of the container."""
    status = (pod or {}).get("status") or {}
    return one_line(str(status.get("reason") or ended.get("reason") or ""), 63)


def _pod_message(pod: Object | None) -> str | None:
    """The kubelet's message about the whole pod, such as a volume that grew too large.

    In that case the container's own message only says that the container could not be located.
    """
    message = ((pod or {}).get("status") or {}).get("message")
    return str(message) if message else None


def _is_disrupted(pod: Object | None, ended: Object) -> bool:
    """Whether the pod was taken away: by the cluster, with a condition that says so, or by a deletion."""
    if condition(pod, "DisruptionTarget") is not None:
        return True
    if _terminating_since(pod) is None or ended.get("reason") == OUT_OF_MEMORY:
        return False
    return ended.get("exitCode") in (None, ExitCode.TERMINATED, SIGKILLED)


def _why_leaving(pod: Object | None, *, has_ended: bool) -> str:
    """Why a pod is being taken away, by the condition or the kubelet; "" if it is not."""
    disruption = condition(pod, "DisruptionTarget")
    if disruption is not None:
        return reason_and_message(disruption)
    if _terminating_since(pod) is not None:
        return "the pod was deleted"
    # The kubelet writes its reason first, then waits for the container to end.
    return "" if has_ended else reason_and_message((pod or {}).get("status") or {})


def _is_silent(pod: Object | None) -> bool:
    """Whether the pod's node does not report: the node controller has set Ready alone to False."""
    return says_no(pod, "Ready") and condition(pod, "ContainersReady") is not None


def _terminating_since(pod: Object | None) -> datetime | None:
    """The pod's deletionTimestamp, which is the end of its grace period."""
    return _time(((pod or {}).get("metadata") or {}).get("deletionTimestamp"))


def _time_of_end(pod: Object | None, ended: Object) -> datetime | None:
    """When a disrupted pod ended; its container may never have started."""
    disruption = condition(pod, "DisruptionTarget") or {}
    return _time(ended.get("finishedAt")) or _time(disruption.get("lastTransitionTime"))


def _time_allowed(job: Object) -> timedelta | None:
    """The deadline of the Job's pods; the RenderJob's may have changed since."""
    template = (job.get("spec") or {}).get("template") or {}
    seconds = (template.get("spec") or {}).get("activeDeadlineSeconds")
    return timedelta(seconds=seconds) if isinstance(seconds, int) else None


def _time_of_finish(job: Object) -> datetime | None:
    status = job.get("status") or {}
    failed = condition(job, "Failed") or {}
    return _time(status.get("completionTime")) or _time(failed.get("lastTransitionTime"))


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")) if isinstance(text, str) else None
    except ValueError:
        return None
