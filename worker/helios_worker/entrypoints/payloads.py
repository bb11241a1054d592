"""From what a caller sent to a payload, or to words that tell the caller what is wrong with it."""

from typing import Any

from pydantic import ValidationError

from helios_crds.text import one_line
from helios_crds.wire import Payload

NAME_CHARACTERS = 100


class BadPayload(Exception):
    """It asks for nothing that a worker does. The message names the field; it is for the caller."""


def payload_of(value: Any) -> Payload:
    """A payload from a JSON value.

    Raises:
        BadPayload: it is none.
    """
    try:
        return Payload.model_validate(value)
    except ValidationError as error:
        raise BadPayload(problem(error)) from None


def payload_in(data: bytes) -> Payload:
    """A payload from JSON text.

    Raises:
        BadPayload: it is none.
    """
    try:
        return Payload.model_validate_json(data)
    except ValidationError as error:
        raise BadPayload(problem(error)) from None


def problem(error: ValidationError) -> str:
    """What is wrong with a payload, in a line; the first field that is."""
    first = error.errors(include_url=False, include_input=False)[0]
    if not first["loc"] and first["type"].startswith("model"):  # pydantic tells of our classes here
        return "bad payload: it must be a JSON object"
    where = "".join(f"{one_line(str(part), NAME_CHARACTERS, keep_start=True)}: " for part in first["loc"])
    return f"bad payload: {where}{first['msg'].removeprefix('Value error, ')}"
