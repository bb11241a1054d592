"""The URL of a film, as far as it can be judged before anything is rendered: `kubectl apply` refuses the rest.

Otherwise such a URL is only found to be wrong when the whole film has been rendered.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from helios_crds.base import Shape, StoreUrl

MAX_NAME = 220
"""Bytes of a name in it. File systems allow 255, and the film has a longer name while it is written."""


@dataclass(frozen=True)
class Rule:
    """A rule in CEL and the same in Python. says: what is wrong when it does not hold."""

    rule: str
    says: str
    holds: Callable[[str], bool]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        found = handler(schema)
        rules = [*found.get("x-kubernetes-validations", ()), {"rule": self.rule, "message": self.says}]
        return {**found, "x-kubernetes-validations": rules}

    def _check(self, text: str) -> str:
        if not self.holds(text):
            raise ValueError(self.says)
        return text


FilmUrl = Annotated[
    StoreUrl,
    Shape(
        "^(file://|(s3|gs|az)://[^/]+)(/[^/]+)+$",
        "must name a file, such as s3://media/out/teaser.mp4",
    ),
    Rule(
        f"self.split('/').all(part, bytes(part).size() <= {MAX_NAME})",
        f"must not contain a name of more than {MAX_NAME} bytes: files cannot have longer ones",
        lambda url: all(len(part.encode(errors="replace")) <= MAX_NAME for part in url.split("/")),
    ),
]
