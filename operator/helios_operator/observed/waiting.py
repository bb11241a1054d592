"""Why a Job's pod does not start, by the conditions of both, and how conditions are read."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from helios_crds.text import one_line
from helios_operator.manifests.job import QUEUE
from helios_operator.manifests.names import MANAGED_BY, MANAGER
from helios_operator.model.state import AttemptPhase

Object = Mapping[str, Any]


def _with_status(body: Object | None, kind: str, status: str) -> Object | None:
    conditions = ((body or {}).get("status") or {}).get("conditions") or ()
    return next((item for item in conditions if item.get("type") == kind and item.get("status") == status), None)


def condition(body: Object | None, kind: str) -> Object | None:
    """A condition that holds; None if it does not, or is not there."""
    return _with_status(body, kind, "True")


def says_no(body: Object | None, kind: str) -> bool:
    """Whether a condition is there and does not hold."""
    return _with_status(body, kind, "False") is not None


def is_true(body: Object, kind: str) -> bool:
    """Whether a condition holds."""
    return condition(body, kind) is not None


def why_waiting(job: Object, phase: AttemptPhase, pod: Object | None, state: Object) -> str:
    """Why a pod does not start: the kubelet's or the scheduler's message, or else what the conditions show."""
    name = job["metadata"]["name"]
    if phase is AttemptPhase.QUEUED:
        return _why_queued(job)
    if pod is None:
        return f"no pod exists: a quota or an admission rule may reject it, see `kubectl events --for job/{name}`"
    why = state.get("waiting") or {}
    if why.get("message"):
        return reason_and_message(why)
    unscheduled = _with_status(pod, "PodScheduled", "False")
    if unscheduled is not None:
        return reason_and_message(unscheduled) + _what_leaves(unscheduled)
    return reason_and_message(why) + _what_is_missing(pod)


def _why_queued(job: Object) -> str:
    """Why a Job is suspended: Kueue does it with Jobs of a queue, and takes it back; else somebody did it."""
    queue = (job["metadata"].get("labels") or {}).get(QUEUE)
    if queue:
        return f"Kueue has it in the queue {one_line(str(queue), 63)}"
    name = job["metadata"]["name"]
    return (
        f"somebody has suspended the Job {name}, and the operator leaves that to them: "
        f'kubectl patch job {name} --type=merge -p \'{{"spec":{{"suspend":false}}}}\''
    )


def _what_leaves(unscheduled: Object) -> str:
    """What to do about a claim that was deleted while pods use it. The scheduler only says that it is being deleted."""
    if "is being deleted" not in str(unscheduled.get("message")):
        return ""
    return (
        "; a claim that is being deleted stays until no pod uses it, finished ones included: "
        f"kubectl delete jobs -l {MANAGED_BY}={MANAGER} --field-selector=status.successful=1 removes those"
    )


def _what_is_missing(pod: Object) -> str:
    """What a scheduled pod waits for. Only the kubelet's events name the volume, so the message refers to them."""
    if says_no(pod, "PodReadyToStartContainers"):
        named = ", ".join(_volumes((pod.get("spec") or {}).get("volumes") or ()))
        name = pod["metadata"].get("name", "")
        return f": a volume is missing or not ready ({named}), see `kubectl events --for pod/{name}`"
    if condition(pod, "PodReadyToStartContainers") is not None:
        return ": its image is being pulled"
    return ""


def _volumes(volumes: Iterable[Object]) -> Iterator[str]:
    """The claims, ConfigMaps and Secrets among a pod's volumes: a user or an admin has to provide them."""
    for volume in volumes:
        if claim := volume.get("persistentVolumeClaim"):
            yield f"claim {claim.get('claimName')}"
        if secret := volume.get("secret"):
            yield f"Secret {secret.get('secretName')}"
        for source in (volume, *((volume.get("projected") or {}).get("sources") or ())):
            if config_map := source.get("configMap"):
                yield f"ConfigMap {config_map.get('name')}"


def reason_and_message(item: Object) -> str:
    """A reason and a message in one line."""
    return one_line(": ".join(str(item[key]) for key in ("reason", "message") if item.get(key)), 500)
