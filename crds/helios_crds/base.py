"""What all models of the API share."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

GROUP = "helios.video"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

MAX_URL = 2048


class ApiModel(BaseModel):
    """A part of a spec: unknown fields are refused, as `kubectl apply` refuses them."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class StatusModel(BaseModel):
    """A part of a status: what another version of the operator wrote beside is left out."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def rules(*pairs: tuple[str, str]) -> dict[str, Any]:
    """CEL rules on an object, as (rule, message): what the schema alone cannot say."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in pairs]}


def immutable(*fields: str, why: str) -> list[tuple[str, str]]:
    """Rules on the parent, so that adding and removing an optional field is seen too."""
    return [
        (
            f"has(self.{name}) == has(oldSelf.{name}) && (!has(self.{name}) || self.{name} == oldSelf.{name})",
            f"{name} cannot be changed: {why}",
        )
        for name in fields
    ]


def listed(*keys: str) -> dict[str, Any]:
    """A list whose items are merged by key under server-side apply."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


OPEN_OBJECT: dict[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}

Url = Annotated[str, Field(min_length=1, max_length=MAX_URL)]
DNS_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
Name = Annotated[str, Field(min_length=1, max_length=253, pattern=DNS_NAME)]
Label = Annotated[str, Field(max_length=63)]
Quantity = Annotated[int | str, Field(json_schema_extra={"maxLength": 32})]


class Condition(StatusModel):
    """One aspect of the object's state, as everywhere in Kubernetes."""

    type: str = Field(max_length=63, description="Aspect that is spoken of, such as Complete.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it is so.")
    reason: str = Field(max_length=63, description="Why, in one word for programs.")
    message: str = Field(default="", max_length=1024, description="Why, and what to do about it, for people.")
    observedGeneration: int = Field(
        default=0, ge=0, description="Generation of the spec that this was found for; an older one is out of date."
    )
    lastTransitionTime: datetime = Field(description="When the status last changed.")
