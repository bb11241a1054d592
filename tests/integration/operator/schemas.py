"""The committed CustomResourceDefinitions, walked: every field with its path, every bound, every rule."""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]
FOLDER = Path(__file__).resolve().parents[3] / "crds"
JOB, TARGET = "RenderJob", "RenderTarget"


def definition(kind: str) -> Object:
    """The committed CustomResourceDefinition of a kind."""
    found: Object = yaml.safe_load((FOLDER / f"{kind.lower()}s.helios.video.yaml").read_text())
    return found


def fields(kind: str) -> Iterator[tuple[str, Object]]:
    """Every field below spec with its path: `video.fps`, `audio.tracks[0].url`, `kubernetes.pod.labels.k0`."""
    schema = definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    yield from _walk(schema["properties"]["spec"], "")


def rules(kind: str) -> Iterator[tuple[str, str]]:
    """Every rule below spec: path of the field and message."""
    for path, field in fields(kind):
        for rule in field.get("x-kubernetes-validations", ()):
            yield path, rule["message"]


def place(spec: Object, path: str, value: Any) -> Object:
    """A copy of a spec with a value at a path; what is missing on the way is made. ... as the value removes."""
    found = copy.deepcopy(spec)
    *way, last = re.findall(r"[^.\[\]]+", path) or [""]
    if not last:
        whole: Object = copy.deepcopy(value)
        return whole
    here: Any = found
    for step in way:
        here = here[int(step)] if isinstance(here, list) else here.setdefault(step, {})
    if isinstance(here, list):
        here[int(last)] = value
    elif value is ...:
        here.pop(last, None)
    else:
        here[last] = value
    return found


@dataclass(frozen=True)
class Bound:
    """One bound of the schema. good: at the bound; bad: just over it. says: in the API server's words."""

    kind: str
    path: str
    name: str
    bad: Any
    good: Any
    says: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.path}-{self.name}"


def bounds(kind: str) -> Iterator[Bound]:
    """Every bound below spec that can be tried with one value."""
    for path, field in fields(kind):
        for name, bad, good, says in _tries(path, field):
            yield Bound(kind, path, name, bad, good, says)
        for name in field.get("required", ()):
            inner = f"{path}.{name}".lstrip(".")
            yield Bound(kind, inner, "required", ..., _usual(inner, field["properties"][name]), "Required value")


def _walk(schema: Object, path: str) -> Iterator[tuple[str, Object]]:
    yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from _walk(field, f"{path}.{name}".lstrip("."))
    if isinstance(schema.get("items"), dict):
        yield from _walk(schema["items"], f"{path}[0]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _walk(schema["additionalProperties"], f"{path}.k0")


def _tries(path: str, field: Object) -> Iterator[tuple[str, Any, Any, str]]:
    step = 1 if field.get("type") == "integer" else 0.01
    if "minimum" in field:
        least = field["minimum"]
        yield "minimum", least - step, least, "greater than or equal to"
    if "maximum" in field:
        most = field["maximum"]
        open_ended = bool(field.get("exclusiveMaximum"))
        bad, good = (most, most - step) if open_ended else (most + step, most)
        yield "maximum", bad, good, "less than"
    if "enum" in field:
        yield "enum", "nonsense", field["enum"][-1], f'supported values: "{field["enum"][0]}"'
    if "minLength" in field:
        yield "minLength", "", "a", "at least 1 chars long"
    if "maxLength" in field:
        longest = _longest(path, field["maxLength"])
        yield "maxLength", longest.ljust(field["maxLength"] + 1, "0"), longest, f"more than {field['maxLength']} bytes"
    if "minItems" in field:
        yield "minItems", [], [_item(path, 0)], "at least 1 items"
    if "maxItems" in field:
        items = [_item(path, index) for index in range(field["maxItems"] + 1)]
        yield "maxItems", items, items[:-1], f"must have at most {field['maxItems']} items"
    if "maxProperties" in field:
        most = field["maxProperties"]
        values = {f"k{index}": "1" for index in range(most + 1)}
        yield "maxProperties", values, dict(list(values.items())[:-1]), f"must have at most {most} items"


_URL = "s3://media/"
_LONGEST = {
    "url": _URL,
    "allowedStores[0]": _URL,
    "allowedSources[0]": _URL,
    "allowedAddresses[0]": "".ljust(255, "a") + ":65535",
    "sha256": "".ljust(64, "a"),
    "query": "?",
    "locale": "zho-Hant-419",
    "duration": "99999h9999999m999999999s",
    "fps": "999999999/999999999",
    "bitrate": "9999k",
    "loudness": "-14.5 LUFS",
    "budget": "999999999.9999",
    "perGiBSecond": "999999999.999999999999",
    "perRequest": "999999999.999999999999",
    "lambda.region": "us-gov-west-1",
    "cloudRun.region": "northamerica-northeast1",
    "requests.k0": "100m",
    "limits.k0": "100m",
}
_DURATIONS = re.compile(
    r"(duration|targetDuration|start|trim|fadeIn|fadeOut|\w+Timeout|activeDeadline|minimum|ttl\w+)$"
)


def _longest(path: str, limit: int) -> str:
    """The longest text that a field takes; where its shape allows less than the limit, that."""
    if _DURATIONS.search(path):
        return _LONGEST["duration"]
    if path.endswith("output.url"):  # whose names have a limit of their own
        return (_URL + ("a" * 200 + "/") * 20)[: limit - 1] + "a"
    found = next((text for end, text in _LONGEST.items() if path.endswith(end)), "")
    return found.ljust(limit, "a") if found in ("", _URL) else found


def _item(path: str, index: int) -> Any:
    """One of many different items of a list."""
    match path.rpartition(".")[2]:
        case "propsFrom":
            return {"configMapKeyRef": {"name": f"n{index}", "key": "props.json"}}
        case "tracks":
            return {"url": f"s3://media/{index}.wav"}
        case "tolerations":
            return {"key": f"n{index}"}
        case "allowedNamespaces":
            return f"n{index}"
        case "allowedStores" | "allowedSources":
            return f"s3://n{index}/"
        case "allowedAddresses":
            return f"10.0.{index}.0/24"
        case "env":
            return {"name": f"N{index}"}
        case _:
            return {"name": f"n{index}"}


def _usual(path: str, field: Object) -> Any:
    """Something that a required field takes."""
    if field.get("type") != "object":
        return _longest(path, 12).ljust(2, "a")
    return {name: _usual(f"{path}.{name}", field["properties"][name]) for name in field.get("required", ())} or {
        "inline": "<p>"
    }
