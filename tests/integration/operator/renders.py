"""RenderJobs over fake workers: what the workers do is said by a RenderTarget."""

import json
from collections.abc import Mapping
from typing import Any

from helios_crds.wire import chunk_bitmap
from tests.cluster.fake_workers import NAMESPACE, PREFIX

DIGEST = "0" * 63 + "1"


def plan_message(chunks: int, namespace: str = NAMESPACE, **changes: Any) -> str:
    """What the plan of a film of `chunks` chunks says. namespace: of the RenderJob; by default the fake pod's own."""
    said = {
        "exitCode": 0,
        "jobPath": f"s3://fake/{namespace}/jobs/0123456789abcdef/job.json",
        "jobId": "0123456789abcdef",
        "frames": chunks * 30,
        "chunks": chunks,
        "cached": chunk_bitmap([]),
    }
    return json.dumps(said | changes)


def film_message(chunks: int) -> str:
    """What the stitch says."""
    return json.dumps({"exitCode": 0, "sha256": DIGEST, "bytes": 1, "frames": chunks * 30})


def target(
    name: str, chunks: int, told: Mapping[str, str] | None = None, *, run: str = "300ms", max_concurrent: int = 1000
) -> dict[str, Any]:
    """A RenderTarget whose workers render films of `chunks` chunks.

    told: more of what the workers do, by tests/cluster/fake_workers.py.
    """
    annotations = {"run": run, "plan": plan_message(chunks), "stitch": film_message(chunks), **(told or {})}
    pod = {"annotations": {f"{PREFIX}/{key}": value for key, value in annotations.items()}}
    return {
        "apiVersion": "helios.video/v1alpha1",
        "kind": "RenderTarget",
        "metadata": {"name": name},
        "spec": {"kubernetes": {"pod": pod}, "maxConcurrent": max_concurrent, "allowedStores": ["s3://fake/"]},
    }


def render_job(name: str, target: str, **execution: Any) -> dict[str, Any]:
    """A RenderJob on a target."""
    return {
        "apiVersion": "helios.video/v1alpha1",
        "kind": "RenderJob",
        "metadata": {"name": name},
        "spec": {
            "composition": {"inline": "<p>never opened</p>"},
            "execution": {"targets": [{"name": target}], "parallelism": 3, **execution},
        },
    }
