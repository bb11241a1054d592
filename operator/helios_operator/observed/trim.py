"""Trims the API server's objects to the fields that are read: a thirtieth of a Job with its pod."""

from typing import Any

from helios_operator.manifests.names import PLANNED, TARGET

Object = dict[str, Any]
_IDENTITY = frozenset({
    "name", "namespace", "uid", "resourceVersion", "labels", "ownerReferences", "creationTimestamp",
    "deletionTimestamp",
})  # fmt: skip
_JOB_STATUS = frozenset({"startTime", "completionTime", "conditions"})
_POD_STATUS = frozenset({"phase", "message", "reason", "conditions", "containerStatuses"})


def of_job(body: Object) -> Object:
    """A Job with only the fields that are read."""
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
    """A pod with only the fields that are read."""
    spec = body.get("spec") or {}
    return {
        "metadata": _identity(body),
        "spec": {
            "volumes": spec.get("volumes"),
            "containers": [
                {"name": each.get("name"), "image": each.get("image")} for each in spec.get("containers") or ()
            ],
        },
        "status": {key: value for key, value in (body.get("status") or {}).items() if key in _POD_STATUS},
    }


def _identity(body: Object) -> Object:
    meta = body["metadata"]
    annotations = {key: value for key, value in (meta.get("annotations") or {}).items() if key in (TARGET, PLANNED)}
    kept = {key: value for key, value in meta.items() if key in _IDENTITY}
    return kept | {"annotations": annotations} if annotations else kept
