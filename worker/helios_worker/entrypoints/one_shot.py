"""One stage in a process of its own, as in a pod: a reply on standard output, an exit code, a termination message."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from helios_crds.wire import ExitCode, Reply, Stage
from helios_worker.artifacts.allowed_stores import AllowedStores
from helios_worker.artifacts.credentials import adopt_secret
from helios_worker.entrypoints.bounds import EXACT, bounded_facts
from helios_worker.entrypoints.payloads import BadPayload, payload_of, refusal
from helios_worker.errors import HeliosError, UserError
from helios_worker.network.addresses import AddressRule
from helios_worker.network.given_headers import read_headers
from helios_worker.network.origin_headers import NO_HEADERS, OriginHeaders
from helios_worker.runtime import WorkerRuntime
from helios_worker.workspace import no_workspace


def once(options: argparse.Namespace) -> int:
    """Runs one stage, which SIGTERM and SIGINT end. Returns the exit code."""
    ended_with: list[ExitCode] = []

    def terminate(*_: object) -> None:
        """Acts as Ctrl-C, at which asyncio cancels the stage."""
        ended_with.append(ExitCode.TERMINATED)
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGTERM, terminate)
    try:
        reply = answer(options)
    except KeyboardInterrupt:
        reply = Reply(exitCode=(ended_with or [ExitCode.INTERRUPTED])[0], stderr="the worker was told to stop")
    except OSError as error:
        reply = Reply(exitCode=ExitCode.USER_ERROR, stderr=no_workspace(options.workspace, error))
    sys.stderr.write(f"{reply.stderr}\n" if reply.stderr else "")
    sys.stdout.write(orjson.dumps(reply.result or {}).decode() + "\n")
    if message := os.environ.get("HELIOS_TERMINATION_LOG"):
        Path(message).write_bytes(termination_message(reply))
    return reply.exitCode


def answer(options: argparse.Namespace) -> Reply:
    """The reply to a one-shot call."""
    try:
        adopt_secret(os.environ)
        headers = headers_from(options)
        addresses = AddressRule.from_environment(loopback=False)
    except UserError as error:
        return failure(error)
    try:
        payload = payload_of(
            {
                "jobPath": options.job_path,
                "chunkIndex": options.chunk_index,
                "stage": options.stage,
                "attempt": options.attempt,
            }
        )
    except BadPayload as error:
        return refusal(error)
    try:
        allowed = AllowedStores.from_environment()
        if payload.stage is Stage.PLAN and options.request is not None:
            keep_request(payload.jobPath, options.request, options.props, allowed)
    except HeliosError as error:
        return failure(error)
    runtime = WorkerRuntime(
        options.workspace,
        lanes=options.lanes,
        allow_commands=options.allow_commands,
        allowed_stores=allowed,
        addresses=addresses,
        headers=headers,
    )
    try:
        return runtime.process(payload)
    finally:
        runtime.close()


def failure(error: HeliosError) -> Reply:
    """The reply to a call that failed before its stage began."""
    named = {"error": type(error).__name__, "remedy": error.remedy}
    return Reply(exitCode=error.exit_code, stderr=str(error), result=named)


def headers_from(options: argparse.Namespace) -> OriginHeaders:
    """What --headers-from holds for the server of --headers-to, which it has to allow.

    Raises:
        UserError: it cannot be read, or may not be sent there.
    """
    if options.headers_from is None:
        return NO_HEADERS
    url = options.headers_to or ""
    headers, cookies = read_headers(options.headers_from, url, must_allow=True)
    return OriginHeaders.to(url, headers, cookies)


def keep_request(url: str, file: Path, props: Sequence[Path], allowed: AllowedStores) -> None:
    """Stores a request, which a pod brings as a file, where the plan reads it.

    props: JSON files whose fields are added to the composition's props; a later one wins, the request's own over all.

    Raises:
        UserError: one of the files cannot be read, or is not a JSON object; the store is not allowed.
    """
    from helios_worker.artifacts.store import ArtifactStore
    from helios_worker.artifacts.urls import split_url

    request = _read_object(file)
    merged: dict[str, object] = {}
    for path in props:
        merged |= _read_object(path)
    if merged:
        composition = request.setdefault("composition", {})
        composition["props"] = merged | (composition.get("props") or {})
    root, key = split_url(url, "requests/")
    allowed.check(root, "the artifact store")
    try:
        text = orjson.dumps(request)
    except TypeError as error:
        raise UserError(f"{file} cannot be stored: {error}") from None
    ArtifactStore(root).put(key, text)


def _read_object(path: Path) -> dict[str, Any]:
    try:
        value = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise UserError(f"{path} does not hold a JSON object")
    return value


def termination_message(reply: Reply) -> bytes:
    """A pod's termination message: the result or the failure, in at most RESULT_BYTES."""
    if reply.exitCode == ExitCode.DONE:
        facts, cuttable = dict(reply.result or {}), {"warnings"}
    else:
        facts = {"error": "Error", **(reply.result or {}), "message": reply.stderr}
        cuttable = facts.keys() - EXACT
    return orjson.dumps(bounded_facts(facts, cuttable))
