"""AWS Lambda: the worker as a function in a container image, through AWS' own runtime client.

    handler = create_aws_handler()                   # at import: Lambda reports an error here as an init error
    handler({"jobPath": "s3://…/job.json", "chunkIndex": 7}, context)

Lambda calls one handler at a time, freezes the machine between two calls, and kills it at the call's deadline. The
browser therefore stays warm, and a stage that would miss the deadline is answered before it: see SupervisedWorker.
"""

import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import orjson

from helios_crds.wire import ExitCode, Reply
from helios_worker.artifacts.allowed_stores import UNSET, AllowedStores
from helios_worker.entrypoints.payloads import BadPayload, payload_of
from helios_worker.entrypoints.supervised_worker import SupervisedWorker
from helios_worker.runtime import Worker, WorkerRuntime

log = logging.getLogger(__name__)

WORKSPACE, LANES = "HELIOS_WORKSPACE", "HELIOS_LANES"
HANDLER = "helios_worker.entrypoints.lambda_function.handler"


class Context(Protocol):
    """The part of Lambda's call context that the handler uses."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda kills the function."""
        ...


Handler = Callable[[Any, Context | None], dict[str, Any]]


def create_aws_handler(
    workspace_dir: str | os.PathLike[str] = "/tmp",  # noqa: S108 - the one folder that a function may write to
    *,
    lanes: int | None = None,
) -> Handler:
    """A handler with a warm worker, for Lambda's `handler(event, context)`.

    workspace_dir: where temporary files go.
    lanes: browsers per chunk; by default one for each processor.

    Whoever may invoke the function uses its rights, so only the stores in HELIOS_ALLOWED_STORES are used, and none
    where it is not set. A context of None is one that knows no deadline.

    The handler never raises. It returns {"statusCode", "body"}, where body is JSON text. After a stage that is
    {exitCode, output, stderr, result?}, with status 200 for exit code 0 and 500 for any other. Otherwise it is
    {message}, with status 400 for an event that is not a payload and 500 for a defect of ours.

    Raises:
        HeliosError: there is no browser, or it does not start; HELIOS_ALLOWED_STORES is not a list of stores.
        OSError: workspace_dir cannot be written to.
    """
    allowed = AllowedStores.from_environment(serves_strangers=True)
    if allowed.allows_nothing:
        log.error(UNSET)

    def make_worker() -> Worker:
        return WorkerRuntime(workspace_dir, lanes=lanes, allowed_stores=allowed)

    return handler_of(SupervisedWorker(make_worker))


def handler_of(worker: SupervisedWorker) -> Handler:
    """The handler that passes events to a worker."""

    def handler(event: Any, context: Context | None) -> dict[str, Any]:
        try:
            payload = payload_of(event)
        except BadPayload as error:
            return _response(400, {"message": str(error)})
        try:
            with _stopped_by_sigterm(worker):
                reply = worker.ask(payload, seconds=_remaining(context))
            return _response(200 if reply.exitCode == ExitCode.DONE else 500, _body(reply))
        except Exception as error:
            log.exception("the worker failed")
            return _response(500, {"message": f"{type(error).__name__}: {error}"[:500]})

    return handler


def _remaining(context: Context | None) -> float | None:
    """Seconds until the function is killed; None where the caller, which is not Lambda, knows of no deadline."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return None if remaining is None else float(remaining()) / 1000


def run(workspace: str, lanes: int | None) -> int:
    """`helios-worker lambda`: serves Lambda's Runtime API until the function is ended. Returns an exit code."""
    if "AWS_LAMBDA_RUNTIME_API" not in os.environ:
        sys.stderr.write("AWS_LAMBDA_RUNTIME_API is not set: `helios-worker lambda` runs in AWS Lambda only\n")
        return ExitCode.USER_ERROR
    try:
        from awslambdaric.__main__ import main
    except ImportError:
        sys.stderr.write("awslambdaric is not installed: pip install 'helios-render[functions]'\n")
        return ExitCode.USER_ERROR
    os.environ[WORKSPACE] = workspace
    if lanes is not None:
        os.environ[LANES] = str(lanes)
    logging.getLogger().setLevel(logging.INFO)
    main([sys.argv[0], HANDLER])
    return ExitCode.DONE


def handler_from_environment() -> Handler:
    """The handler with the settings that `run` put into the environment.

    Raises:
        HeliosError, OSError: as create_aws_handler.
    """
    lanes = os.environ.get(LANES)
    workspace = Path(os.environ.get(WORKSPACE) or tempfile.gettempdir())
    return create_aws_handler(workspace, lanes=int(lanes) if lanes else None)


def _response(status: int, body: dict[str, Any]) -> dict[str, Any]:
    return {"statusCode": status, "body": orjson.dumps(body).decode()}


def _body(reply: Reply) -> dict[str, Any]:
    body: dict[str, Any] = {"exitCode": reply.exitCode, "output": reply.stdout, "stderr": reply.stderr}
    return body if reply.result is None else body | {"result": reply.result}


@contextmanager
def _stopped_by_sigterm(worker: SupervisedWorker) -> Iterator[None]:
    """While a stage runs, SIGTERM hands it back. Between two calls, SIGTERM ends the process."""
    if threading.current_thread() is not threading.main_thread():  # another program runs us, and handles signals itself
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
