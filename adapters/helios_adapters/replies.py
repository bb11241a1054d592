"""Parses the untrusted answer of a target into a Reply.

The format is in "Requests and replies, exactly". The size of an answer is checked before it is parsed, and the types
of its fields are checked strictly: the worker may be old, broken, or a foreign program.
"""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from helios_adapters.errors import Garbled, NotOurWorker, Oversized, WorkerLost, quoted
from helios_crds.wire import RESULT_BYTES, ExitCode, Reply

ANSWER_BYTES = 1 << 20
"""A worker's answer has a few kilobytes. Lambda itself allows 6 MB."""
LOG_CHARACTERS = 64_000
MESSAGE_CHARACTERS = 4_000
CUT = "\n[…]\n"


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    exitCode: int = Field(ge=0, le=255)
    stdout: str = ""
    output: str = ""
    stderr: str = ""
    result: dict[str, Any] | None = None


class _Message(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    message: str


class _Envelope(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    statusCode: int
    body: str


def lambda_reply(payload: bytes, where: str) -> Reply:
    """The reply in a function's result: {"statusCode", "body"}, with JSON in the body.

    Raises:
        NotOurWorker: the worker rejected the request, or it is another kind of function.
        WorkerLost: the worker failed before it could run the stage.
        Garbled, Oversized: the answer is not a valid reply.
    """
    _check_size(payload, where)
    try:
        envelope = _Envelope.model_validate_json(payload)
    except ValidationError as error:
        raise Garbled(
            f"the function returned no statusCode and body ({_first(error)}): {quoted(payload)}",
            where=where,
            remedy="deploy the worker's image there: heliosctl deploy lambda",
        ) from None
    return worker_reply(envelope.statusCode, envelope.body.encode(errors="replace"), where)


def worker_reply(status: int, body: bytes, where: str) -> Reply:
    """The reply in a worker's answer. An answer with an exit code is a reply at status 200 and 500: the stage has run.

    Raises:
        NotOurWorker, WorkerLost, Garbled, Oversized: as for lambda_reply.
    """
    _check_size(body, where)
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError as error:
        raise _no_reply(status, body, where, error) from None
    if status not in (200, 500):
        raise Garbled(f"no worker sends an exit code with status {status}: {quoted(body)}", where=where)
    return Reply(
        exitCode=answer.exitCode,
        stdout=bounded(answer.stdout or answer.output, LOG_CHARACTERS),
        stderr=bounded(answer.stderr, LOG_CHARACTERS),
        result=_checked_result(answer, where),
    )


def bounded(text: str, limit: int) -> str:
    """The beginning and the end of a text, `limit` characters in all: the cause comes first, the outcome last."""
    if len(text) <= limit:
        return text
    half = (limit - len(CUT)) // 2
    return text[:half] + CUT + text[-half:]


def _no_reply(status: int, body: bytes, where: str, error: ValidationError) -> NotOurWorker | WorkerLost | Garbled:
    try:
        message = quoted(_Message.model_validate_json(body).message, MESSAGE_CHARACTERS)
    except ValidationError:
        return Garbled(
            f"the answer (status {status}) is not a worker's reply ({_first(error)}): {quoted(body)}", where=where
        )
    if status in (400, 404, 405, 413, 421):
        return NotOurWorker(
            f"the worker rejected the request: {message}",
            where=where,
            remedy="deploy the worker's image of this version there",
        )
    if status == 500:
        return WorkerLost(f"the worker failed before it ran the stage: {message}", where=where)
    return Garbled(f"no worker sends a message with status {status}: {message}", where=where)


def _checked_result(answer: _Answer, where: str) -> dict[str, Any] | None:
    """The result, if a pod could also return one of this size. An oversized result of a failure is dropped."""
    if answer.result is None:
        return None
    compact = json.dumps(answer.result, separators=(",", ":"), ensure_ascii=False)
    size = len(compact.encode(errors="replace"))
    if size <= RESULT_BYTES:
        return answer.result
    if answer.exitCode == ExitCode.DONE:
        raise Oversized(f"the result has {size} bytes; at most {RESULT_BYTES} are allowed", where=where)
    return None


def _check_size(data: bytes, where: str) -> None:
    if len(data) > ANSWER_BYTES:
        raise Oversized(f"the answer has more than {ANSWER_BYTES} bytes", where=where)


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    path = ".".join(map(str, first["loc"]))
    return quoted(f"{path}: {first['msg']}" if path else first["msg"], 120)
