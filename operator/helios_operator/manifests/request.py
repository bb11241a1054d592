"""The plan's request and inline page, and the claim that holds artifacts."""

import hashlib
from typing import Any

from helios_crds.mapping import INLINE_ENTRY, request_of
from helios_operator.manifests.names import MANAGED_BY, MANAGER, labels, owner_reference, page_name
from helios_operator.model.config import Config
from helios_operator.model.observation import ObservedJob, Places

Manifest = dict[str, Any]


def seeking_of(job: ObservedJob) -> str:
    """composition.seeking of the plan's request: what the spec says, unless a chunk has shown that frames depend."""
    return "Stateful" if job.status.replans is not None and job.status.replans.drawn else job.spec.composition.seeking


def request_text(job: ObservedJob, places: Places) -> str:
    """The plan's request as JSON.

    Raises:
        UnusableSpec: the spec cannot be rendered.
    """
    composition = job.spec.composition.model_copy(update={"seeking": seeking_of(job)})
    return request_of(job.spec.model_copy(update={"composition": composition}), places.output).model_dump_json()


def request_url(job: ObservedJob, places: Places) -> str:
    """URL under which the plan stores its request."""
    digest = hashlib.sha256(request_text(job, places).encode()).hexdigest()[:20]
    return f"{places.store}requests/{digest}.json"


def page_config_map(job: ObservedJob) -> Manifest:
    """The ConfigMap of an inline page. The request is short and is an annotation of the plan's pod."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": page_name(job),
            "namespace": job.namespace,
            "labels": labels(job),
            "ownerReferences": [owner_reference(job)],
        },
        "immutable": True,
        "data": {INLINE_ENTRY: job.spec.composition.inline},
    }


def artifact_claim(namespace: str, config: Config) -> Manifest:
    """The claim that holds a namespace's artifacts. It has no owner, so it outlives every RenderJob."""
    store = config.store
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": store.claim, "namespace": namespace, "labels": {MANAGED_BY: MANAGER}},
        "spec": {
            "accessModes": [store.access_mode],
            "resources": {"requests": {"storage": store.size}},
            **({"storageClassName": store.storage_class} if store.storage_class else {}),
        },
    }
