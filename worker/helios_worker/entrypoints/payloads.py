"""Reads a caller's payload, or says what is wrong with it."""

from typing import Any

import orjson
from pydantic import ValidationError

from helios_crds.request import request_in
from helios_crds.text import one_line
from helios_crds.wire import ExitCode, Payload, Reply

NAME_CHARACTERS = 100


class BadPayload(Exception):
    """The caller's data is not a payload. The message is for the caller and names the field."""


def payload_of(value: Any) -> Payload:
    """A payload from a JSON value.

    Raises:
        BadPayload: it is not a payload.
    """
    try:
        return _with_its_request(Payload.model_validate(value))
    except ValidationError as error:
        raise BadPayload(problem(error)) from None


def payload_in(data: bytes) -> Payload:
    """A payload from JSON text.

    Raises:
        BadPayload: it is not a payload.
    """
    try:
        return _with_its_request(Payload.model_validate_json(data))
    except ValidationError as error:
        raise BadPayload(problem(error)) from None


def _with_its_request(payload: Payload) -> Payload:
    """The payload, after a look at the request that it brings: what is wrong in it is the caller's mistake, too."""
    if payload.request is not None:
        try:
            request_in(orjson.dumps(payload.request))
        except ValidationError as error:
            raise BadPayload(f"bad payload: request: {problem(error).removeprefix('bad payload: ')}") from None
        except orjson.JSONEncodeError as error:
            raise BadPayload(f"bad payload: request: {error}") from None
    return payload


def problem(error: ValidationError) -> str:
    """What is wrong with the first invalid field of a payload, in one line."""
    first = error.errors(include_url=False, include_input=False)[0]
    if not first["loc"] and first["type"].startswith("model"):  # pydantic's message would name our classes
        return "bad payload: it must be a JSON object"
    where = "".join(f"{one_line(str(part)[:NAME_CHARACTERS], NAME_CHARACTERS)}: " for part in first["loc"])
    return f"bad payload: {where}{first['msg'].removeprefix('Value error, ')}"


def refusal(error: BadPayload) -> Reply:
    """The reply to data that is not a payload."""
    return Reply(exitCode=ExitCode.USER_ERROR, stderr=str(error))
