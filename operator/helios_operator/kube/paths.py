"""Paths of the API server's collections."""

from helios_crds.base import API_VERSION
from helios_crds.definitions import RENDER_JOBS, RENDER_TARGETS

TARGETS = f"/apis/{API_VERSION}/{RENDER_TARGETS}"


def render_jobs(namespace: str = "") -> str:
    """RenderJobs of one namespace, or of all namespaces."""
    return f"/apis/{API_VERSION}{_within(namespace)}/{RENDER_JOBS}"


def jobs(namespace: str = "") -> str:
    """Jobs of one namespace, or of all namespaces."""
    return f"/apis/batch/v1{_within(namespace)}/jobs"


def core(resource: str, namespace: str = "") -> str:
    """A resource of the core API, such as pods, events or configmaps."""
    return f"/api/v1{_within(namespace)}/{resource}"


def lease(namespace: str, name: str) -> str:
    """A Lease."""
    return f"/apis/coordination.k8s.io/v1{_within(namespace)}/leases/{name}"


def resource_of(path: str) -> str:
    """The resource in a path, such as jobs."""
    parts = path.split("/")
    rest = parts[3 if parts[1] == "api" else 4 :]
    return rest[2] if rest[0] == "namespaces" and len(rest) > 2 else rest[0]


def _within(namespace: str) -> str:
    return f"/namespaces/{namespace}" if namespace else ""
