"""pydantic's JSON schema made structural, as a CustomResourceDefinition wants it.

No $ref, no null, no title, exclusive bounds as OpenAPI v3.0 writes them, and a description on every field.
"""

from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]

KEPT = frozenset(
    {
        "type", "description", "default", "enum", "pattern", "format", "properties", "required", "items",
        "additionalProperties", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength",
        "minItems", "maxItems", "minProperties", "maxProperties", "x-kubernetes-validations",
        "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string", "x-kubernetes-list-type",
        "x-kubernetes-list-map-keys",
    }
)  # fmt: skip


class NotStructural(TypeError):
    """A model has a field that a CustomResourceDefinition cannot express; the message names it."""


def structural_schema(model: type[BaseModel]) -> Schema:
    """The structural schema of a model.

    Raises:
        NotStructural: a field is a union, or has no description.
    """
    schema = model.model_json_schema(mode="validation")
    return _convert(schema, schema.pop("$defs", {}), model.__name__)


def _convert(schema: Schema, definitions: dict[str, Schema], path: str) -> Schema:
    schema = _without_null(_resolved(schema, definitions), definitions, path)
    result = {key: value for key, value in schema.items() if key in KEPT}
    _convert_bounds(result)
    if "const" in schema:
        result["enum"] = [schema["const"]]
    if result.get("type") == "object":
        _convert_object(result, schema, definitions, path)
    if "items" in result:
        result["items"] = _convert(result["items"], definitions, f"{path}[]")
    if result.get("default", ...) is None:
        del result["default"]
    return result


def _convert_object(result: Schema, schema: Schema, definitions: dict[str, Schema], path: str) -> None:
    if "properties" in schema:
        result.pop("additionalProperties", None)  # forbidden beside properties; unknown fields are refused or pruned
        result["properties"] = {
            name: _described(_convert(field, definitions, f"{path}.{name}"), f"{path}.{name}")
            for name, field in schema["properties"].items()
        }
        if isinstance(result.get("default"), dict):
            result["default"] = {}  # the fields' own defaults fill it
    elif isinstance(schema.get("additionalProperties"), dict):
        result["additionalProperties"] = _convert(schema["additionalProperties"], definitions, f"{path}{{}}")
    else:
        result.pop("additionalProperties", None)
        result["x-kubernetes-preserve-unknown-fields"] = True


def _resolved(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """Inlines a reference; what stands beside it, such as the field's description, wins."""
    if "$ref" not in schema:
        return schema
    target = definitions[schema["$ref"].rpartition("/")[2]]
    return {**_resolved(target, definitions), **{key: value for key, value in schema.items() if key != "$ref"}}


def _without_null(schema: Schema, definitions: dict[str, Schema], path: str) -> Schema:
    """An optional field is one that may be left out; null does not occur."""
    if "anyOf" not in schema:
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    choices = [choice for choice in schema["anyOf"] if choice.get("type") != "null"]
    if len(choices) == 1:
        return {**_without_null(_resolved(choices[0], definitions), definitions, path), **rest}
    if {choice.get("type") for choice in choices} == {"integer", "string"}:
        return {"x-kubernetes-int-or-string": True, **rest}
    raise NotStructural(f"{path} is a union: {choices}")


def _convert_bounds(schema: Schema) -> None:
    """ExclusiveMinimum is a number in JSON schema 2020-12, a flag in OpenAPI v3.0."""
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if exclusive in schema:
            schema[bound] = schema[exclusive]
            schema[exclusive] = True


def _described(schema: Schema, path: str) -> Schema:
    if not schema.get("description"):
        raise NotStructural(f"{path} has no description")
    return schema
