"""What all models of the API share."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

GROUP = "helios.video"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

MAX_URL = 2048


UNOBSERVED = -1
"""The observedGeneration of an object that no operator has seen. It is the schema's default: kstatus would take an
object without a status as finished."""


class ApiModel(BaseModel):
    """A part of a spec. Unknown fields are refused, as `kubectl apply` does."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class StatusModel(BaseModel):
    """A part of a status. Unknown fields, written by another version of the operator, are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def rules(*pairs: tuple[str, str]) -> dict[str, Any]:
    """CEL rules on an object, as (rule, message), for what the schema alone cannot express."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in pairs]}


def immutable(*fields: str, why: str) -> dict[str, Any]:
    """Rules that refuse a change of these fields, and name the field.

    They stand on the parent, so that adding and removing an optional field is a change too.
    """
    return {
        "x-kubernetes-validations": [
            {
                "rule": f"has(self.{name}) == has(oldSelf.{name}) && "
                f"(!has(self.{name}) || self.{name} == oldSelf.{name})",
                "message": f"{name} cannot be changed: {why}",
                "fieldPath": f".{name}",
                "reason": "FieldValueForbidden",
            }
            for name in fields
        ]
    }


def listed(*keys: str) -> dict[str, Any]:
    """A list whose items are merged by key under server-side apply."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


class Rule(ABC):
    """A rule about a text, in CEL for the API server and the same in Python. says: what is wrong where it fails."""

    says: str

    @property
    @abstractmethod
    def rule(self) -> str:
        """The rule in CEL, about `self`."""

    @abstractmethod
    def holds(self, text: str) -> bool:
        """The same in Python."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        found = handler(schema)
        rule = {"rule": self.rule, "message": self.says}
        return {**found, "x-kubernetes-validations": [*found.get("x-kubernetes-validations", ()), rule]}

    def _check(self, text: str) -> str:
        if not self.holds(text):
            raise ValueError(self.says)
        return text


@dataclass(frozen=True)
class Shape(Rule):
    """A pattern with its own error message; for the schema's `pattern` the API server only shows the pattern.

    pattern: read alike by RE2 and Python, so without look-around and classes that Unicode widens.
    """

    pattern: str
    says: str

    @property
    def rule(self) -> str:
        """The rule in CEL."""
        return f"self.matches(r'{self.pattern}')"

    def holds(self, text: str) -> bool:
        """The same in Python, whose $ would also match before a line feed at the end."""
        return not text.endswith("\n") and re.search(self.pattern, text, re.ASCII) is not None


@dataclass(frozen=True)
class Without(Shape):
    """The opposite: a text with such a part is refused."""

    @property
    def rule(self) -> str:
        """The rule in CEL."""
        return f"!{super().rule}"

    def holds(self, text: str) -> bool:
        """The same in Python."""
        return re.search(self.pattern, text, re.ASCII) is None


OPEN_OBJECT: dict[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}

# What addresses.py refuses, as far as a pattern can say it; the operator and the worker read addresses by the parser.
ONE_WAY = Without(
    r"^(file|s3|gs|az):(.*[?#\\]|//.*//|.*/\.{1,2}(/|$)|//.*%(0|1|2[eEfF]|5[cC]|7[fF]|.?$|.?[^0-9a-fA-F].?))|^(s3|gs|az):.*%",
    "could be read in two ways: leave out ?, #, \\, .., two slashes in a row and escaped slashes and dots; "
    "in a bucket write names without escapes, elsewhere %25 for %",
)
_REMOTE = r"[^/@?#\s]+([/?#]\S*)?"
Url = Annotated[
    str,
    Field(max_length=MAX_URL),
    Shape(
        rf"^(file:///\S*|(https?|s3|gs|az)://{_REMOTE})$",
        "must be a URL that begins with file:///, http://, https://, s3://, gs:// or az://, "
        "without spaces and without a password",
    ),
    ONE_WAY,
]
STORE_SHAPE = Shape(
    rf"^(file:///\S*|(s3|gs|az)://{_REMOTE})$",
    "must be the URL of a bucket or folder that begins with s3://, gs://, az:// or file:///, "
    "without spaces and without a password",
)
StoreUrl = Annotated[str, Field(max_length=MAX_URL), STORE_SHAPE, ONE_WAY]
NAME_SHAPE = Shape(
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    "must be a name of lower-case letters, digits, - and ., with a letter or digit at both ends",
)
Name = Annotated[str, Field(max_length=253), NAME_SHAPE]
Label = Annotated[
    str,
    Field(max_length=63),
    Shape(
        r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
        "must be a label's value: letters, digits, -, _ and ., with a letter or digit at both ends",
    ),
]


class Condition(StatusModel):
    """One aspect of the object's state, as everywhere in Kubernetes."""

    type: str = Field(max_length=63, description="Aspect of the object's state, such as Complete.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether the aspect holds.")
    reason: str = Field(max_length=63, description="Reason in one word, for programs.")
    message: str = Field(default="", max_length=1024, description="Reason, and what to do about it, for people.")
    observedGeneration: int = Field(
        default=0,
        ge=0,
        description="Generation of the spec that this condition describes; an older one is out of date.",
    )
    lastTransitionTime: datetime = Field(description="When the status last changed.")
