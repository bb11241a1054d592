"""From what a target sent back to a Reply, without believing a word of it.

The shapes are those of "Requests and replies, exactly". An answer is bounded before it is parsed and its fields
are of exactly the types they should be: a target's worker may be old, broken or somebody else's.
"""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from helios_adapters.errors import Garbled, NotOurWorker, Oversized, WorkerLost, quoted
from helios_crds.wire import RESULT_BYTES, ExitCode, Reply

ANSWER_BYTES = 1 << 20
"""An answer of a worker is a few kilobytes; Lambda itself would let 6 MB through."""
SAID_CHARACTERS = 64_000
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
    """The reply in what a function returned: {"statusCode", "body"}, with JSON in the body.

    Raises:
        NotOurWorker: it refused the request, or it is another kind of function.
        WorkerLost: the worker says that it broke before it could run the stage.
        Garbled, Oversized: it is no reply.
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
    """The reply in a worker's answer. An exit code counts whatever the status is: the stage has run.

    Raises:
        As lambda_reply.
    """
    _check_size(body, where)
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError as error:
        raise _no_reply(status, body, where, error) from None
    if status not in (200, 500):
        raise Garbled(f"status {status} with an exit code, which no worker sends: {quoted(body)}", where=where)
    return Reply(
        exitCode=answer.exitCode,
        stdout=bounded(answer.stdout or answer.output, SAID_CHARACTERS),
        stderr=bounded(answer.stderr, SAID_CHARACTERS),
        result=_checked_result(answer, where),
    )


def bounded(text: str, limit: int) -> str:
    """The beginning and the end of a text, `limit` characters in all: the cause is said first, the outcome last."""
    if len(text) <= limit:
        return text
    half = (limit - len(CUT)) // 2
    return text[:half] + CUT + text[-half:]


def _no_reply(status: int, body: bytes, where: str, error: ValidationError) -> NotOurWorker | WorkerLost | Garbled:
    try:
        said = quoted(_Message.model_validate_json(body).message, MESSAGE_CHARACTERS)
    except ValidationError:
        return Garbled(f"the answer (status {status}) is no reply ({_first(error)}): {quoted(body)}", where=where)
    if status in (400, 404, 405, 413):
        return NotOurWorker(
            f"the worker refused the request: {said}",
            where=where,
            remedy="deploy the image of this version there",
        )
    if status == 500:
        return WorkerLost(f"the worker failed before it ran the stage: {said}", where=where)
    return Garbled(f"status {status} with a message, which no worker sends: {said}", where=where)


def _checked_result(answer: _Answer, where: str) -> dict[str, Any] | None:
    """A result beyond what a pod could leave is not taken; of a failure the exit code and stderr stand without it."""
    if answer.result is None:
        return None
    compact = json.dumps(answer.result, separators=(",", ":"), ensure_ascii=False)
    size = len(compact.encode(errors="replace"))
    if size <= RESULT_BYTES:
        return answer.result
    if answer.exitCode == ExitCode.DONE:
        raise Oversized(f"the result has {size} bytes, {RESULT_BYTES} are allowed", where=where)
    return None


def _check_size(data: bytes, where: str) -> None:
    if len(data) > ANSWER_BYTES:
        raise Oversized(f"the answer has more than {ANSWER_BYTES} bytes", where=where)


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"]))
    return quoted(f"{place}: {first['msg']}" if place else first["msg"], 120)
