"""Addresses of the API server's collections."""

from helios_crds.base import API_VERSION
from helios_crds.definitions import RENDER_JOBS, RENDER_TARGETS

TARGETS = f"/apis/{API_VERSION}/{RENDER_TARGETS}"


def render_jobs(namespace: str = "") -> str:
    """RenderJobs of a namespace, or of all."""
    return f"/apis/{API_VERSION}{_within(namespace)}/{RENDER_JOBS}"


def jobs(namespace: str = "") -> str:
    """Jobs."""
    return f"/apis/batch/v1{_within(namespace)}/jobs"


def core(resource: str, namespace: str = "") -> str:
    """Pods, events, configmaps, persistentvolumeclaims."""
    return f"/api/v1{_within(namespace)}/{resource}"


def resource_of(path: str) -> str:
    """The resource that a path asks for, such as jobs."""
    words = path.split("/")
    rest = words[3 if words[1] == "api" else 4 :]
    return rest[2] if rest[0] == "namespaces" and len(rest) > 2 else rest[0]


def _within(namespace: str) -> str:
    return f"/namespaces/{namespace}" if namespace else ""
