"""What of the API server's objects is looked at: a thirtieth of a Job with its pod."""

from typing import Any

from helios_operator.manifests.names import TARGET

Object = dict[str, Any]
_IDENTITY = frozenset({
    "name", "namespace", "uid", "resourceVersion", "labels", "ownerReferences", "creationTimestamp",
    "deletionTimestamp",
})  # fmt: skip
_JOB_STATUS = frozenset({"startTime", "completionTime", "conditions"})
_POD_STATUS = frozenset({"phase", "message", "reason", "conditions", "containerStatuses"})


def of_job(body: Object) -> Object:
    """What of a Job is looked at: a thirtieth of it."""
    spec = body.get("spec") or {}
    pod = (spec.get("template") or {}).get("spec") or {}
    return {
        "metadata": _identity(body),
        "spec": {
            "suspend": spec.get("suspend"),
            "template": {"spec": {"activeDeadlineSeconds": pod.get("activeDeadlineSeconds")}},
        },
        "status": {key: value for key, value in (body.get("status") or {}).items() if key in _JOB_STATUS},
    }


def of_pod(body: Object) -> Object:
    """What of a pod is looked at."""
    spec = body.get("spec") or {}
    return {
        "metadata": _identity(body),
        "spec": {"volumes": spec.get("volumes")},
        "status": {key: value for key, value in (body.get("status") or {}).items() if key in _POD_STATUS},
    }


def _identity(body: Object) -> Object:
    meta = body["metadata"]
    target = (meta.get("annotations") or {}).get(TARGET)
    found = {key: value for key, value in meta.items() if key in _IDENTITY}
    return found if target is None else found | {"annotations": {TARGET: target}}
