"""The CustomResourceDefinitions: current, structural, bounded, and described."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from helios_crds.definitions import definitions
from helios_crds.schema import KEPT

CRDS = definitions()


def walk(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from walk(field, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from walk(schema[key], f"{path}[]")


def fields() -> list[Any]:
    return [
        pytest.param(field, id=f"{crd['spec']['names']['kind']}{path}")
        for crd in CRDS.values()
        for path, field in walk(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
        if path not in ("", ".metadata")
    ]


@pytest.mark.parametrize("name", CRDS)
def test_the_yaml_is_current(name: str, repository: Path):
    for folder in ("crds", "charts/helios-operator/crds"):
        committed = yaml.safe_load((repository / folder / name).read_text())
        assert committed == json.loads(json.dumps(CRDS[name])), "run `make crds`"


@pytest.mark.parametrize("field", fields())
def test_every_field_is_structural(field):
    assert set(field) <= KEPT
    assert field.get("type") in {"string", "integer", "number", "boolean", "object", "array"} or field.get(
        "x-kubernetes-int-or-string"
    )
    for rule in field.get("x-kubernetes-validations", []):
        assert rule["message"]
        assert "\n" not in rule["message"]


@pytest.mark.parametrize("field", [given for given in fields() if ".spec" in str(given.id)])
def test_everything_in_a_spec_is_bounded(field):
    """CEL's cost is estimated from the bounds; without them a rule is refused."""
    if field.get("type") == "string":
        assert "maxLength" in field or "enum" in field
    if field.get("type") == "array":
        assert "maxItems" in field
    if "additionalProperties" in field:
        assert "maxProperties" in field


def test_what_a_list_shows():
    version = CRDS["renderjobs.helios.video.yaml"]["spec"]["versions"][0]
    assert [column["name"] for column in version["additionalPrinterColumns"]] == [
        "Phase",
        "Progress",
        "Chunks",
        "Output",
        "Age",
    ]
    assert CRDS["renderjobs.helios.video.yaml"]["spec"]["names"]["shortNames"] == ["rj"]


def test_what_shapes_the_frames_is_immutable():
    schema = CRDS["renderjobs.helios.video.yaml"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    spec = schema["properties"]["spec"]
    frozen = {rule["message"].split()[0] for rule in spec["x-kubernetes-validations"]}
    assert frozen == {"composition", "video", "audio", "chunking", "artifacts", "output"}
    assert spec["required"] == ["composition"]
    assert spec["properties"]["execution"]["default"] == {}
