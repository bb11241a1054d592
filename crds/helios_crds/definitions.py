"""The CustomResourceDefinitions: names, columns and sub-resources around the models' schemas."""

from typing import Any

from pydantic import BaseModel

from helios_crds.base import GROUP, UNOBSERVED, VERSION
from helios_crds.renderjob import RenderJobSpec
from helios_crds.renderjob_status import RenderJobStatus
from helios_crds.rendertarget import RenderTargetSpec, RenderTargetStatus
from helios_crds.schema import structural_schema

Definition = dict[str, Any]

RENDER_JOBS, RENDER_TARGETS = "renderjobs", "rendertargets"


def definitions() -> dict[str, Definition]:
    """Every definition, by the name of its file."""
    return {f"{crd['metadata']['name']}.yaml": crd for crd in (renderjob_definition(), rendertarget_definition())}


def renderjob_definition() -> Definition:
    """The definition of RenderJobs."""
    names = {"plural": RENDER_JOBS, "singular": "renderjob", "kind": "RenderJob", "listKind": "RenderJobList"}
    return _definition(
        {**names, "shortNames": ["rj"], "categories": ["all"]},
        "Namespaced",
        _root("A web page to render to a video, in chunks that run in parallel.", RenderJobSpec, RenderJobStatus),
        columns=[
            _column("Phase", ".status.phase"),
            _column("Progress", ".status.progress"),
            _column("Chunks", ".status.summary"),
            _column("Output", ".status.output.url"),
            _column("Age", ".metadata.creationTimestamp", "date"),
        ],
        selectable=[".status.phase", ".spec.suspend"],
    )


def rendertarget_definition() -> Definition:
    """The definition of RenderTargets."""
    names = {
        "plural": RENDER_TARGETS,
        "singular": "rendertarget",
        "kind": "RenderTarget",
        "listKind": "RenderTargetList",
    }
    return _definition(
        {**names, "shortNames": ["rt"]},
        "Cluster",
        _root(
            "A place where chunks can run: pods of this cluster, or a function or service in a cloud.",
            RenderTargetSpec,
            RenderTargetStatus,
        ),
        columns=[
            _column("Max", ".spec.maxConcurrent", "integer"),
            _column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
            _column("Age", ".metadata.creationTimestamp", "date"),
        ],
        selectable=[],
    )


def _root(description: str, spec: type[BaseModel], status: type[BaseModel]) -> Definition:
    return {
        "type": "object",
        "description": description,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": "Version of this schema."},
            "kind": {"type": "string", "description": "Kind of this object."},
            "metadata": {"type": "object"},
            "spec": structural_schema(spec),
            "status": {**structural_schema(status), "default": {"observedGeneration": UNOBSERVED}},
        },
    }


def _definition(
    names: Definition, scope: str, schema: Definition, columns: list[Definition], selectable: list[str]
) -> Definition:
    version: Definition = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
    }
    if selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in selectable]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names['plural']}.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": scope, "versions": [version]},
    }


def _column(name: str, path: str, kind: str = "string") -> Definition:
    return {"name": name, "type": kind, "jsonPath": path}
