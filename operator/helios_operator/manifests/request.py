"""What tells the plan what to render, and the claim that holds artifacts."""

import hashlib
from typing import Any

from helios_crds.mapping import INLINE_ENTRY, render_request
from helios_operator.manifests.names import MANAGED_BY, MANAGER, labels, owner_reference, page_name
from helios_operator.model.config import Config
from helios_operator.model.locations import output_url, store_url
from helios_operator.model.observation import ObservedJob

Manifest = dict[str, Any]


def request_text(job: ObservedJob, config: Config) -> str:
    """The request as JSON.

    Raises:
        UnusableSpec: the spec cannot be rendered.
    """
    return render_request(job.spec, output_url(job, config)).model_dump_json()


def request_url(job: ObservedJob, config: Config) -> str:
    """Where the plan keeps its request in the store."""
    digest = hashlib.sha256(request_text(job, config).encode()).hexdigest()[:20]
    return f"{store_url(job, config)}requests/{digest}.json"


def page_config_map(job: ObservedJob) -> Manifest:
    """An inline page. The request, which is short, travels with the plan's pod."""
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
    """The claim that holds a namespace's artifacts. Nobody owns it: it outlives every RenderJob."""
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
