"""`helios-worker`: the worker as a process.

    helios-worker plan REQUEST_URL        helios-worker chunk JOB_URL INDEX        helios-worker stitch JOB_URL
    helios-worker lines                   one payload per line on standard input, warm between them
    helios-worker lambda                  as a function of AWS Lambda; see aws_lambda
    helios-worker serve                   payloads by HTTP, on Cloud Run for one; see cloud_run

The one-shot forms print the reply's result as JSON and exit with its code. They write a pod's termination message to
the file that HELIOS_TERMINATION_LOG names. The local adapter drives `lines`, which answers each payload with one line
{"reply": …}, sends {"frames": n} meanwhile, and ends with its standard input.

Long, because every form of the program and its options are here.
"""

import argparse
import logging
import math
import os
import queue
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import orjson

from helios_crds.text import log_entry
from helios_crds.wire import ExitCode, Reply, Stage
from helios_worker.artifacts.allowed_stores import AllowedStores
from helios_worker.artifacts.credentials import adopt_secret
from helios_worker.entrypoints.bounds import EXACT, bounded_facts
from helios_worker.entrypoints.payloads import BadPayload, payload_in, payload_of
from helios_worker.errors import HeliosError, UserError
from helios_worker.network.addresses import AddressRule
from helios_worker.network.given_headers import read_headers
from helios_worker.network.origin_headers import NO_HEADERS, OriginHeaders
from helios_worker.runtime import WorkerRuntime
from helios_worker.trace import mark


def main(arguments: list[str] | None = None) -> int:
    """The console script. Returns the exit code."""
    mark("imported")
    options = _parser().parse_args(arguments)
    if options.stage != "lambda":  # its runtime client configures logging
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(PrintableFormatter("%(levelname)s %(name)s: %(message)s"))
        logging.basicConfig(level=logging.INFO, handlers=[handler])
    if options.stage in LASTING:
        try:
            return LASTING[options.stage](options)
        except UserError as error:
            sys.stderr.write(f"{error}\n")
            return error.exit_code
    return once(options)


class PrintableFormatter(logging.Formatter):
    """Entries whose further lines are indented: no text of a page or caller in them passes for an entry of ours."""

    def format(self, record: logging.LogRecord) -> str:
        """The entry, as it is written."""
        return log_entry(super().format(record))


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


def refusal(error: BadPayload) -> Reply:
    """The reply to data that is not a payload."""
    return Reply(exitCode=ExitCode.USER_ERROR, stderr=str(error))


def termination_message(reply: Reply) -> bytes:
    """A pod's termination message: the result or the failure, in at most RESULT_BYTES."""
    if reply.exitCode == ExitCode.DONE:
        facts, cuttable = dict(reply.result or {}), {"warnings"}
    else:
        facts = {"error": "Error", **(reply.result or {}), "message": reply.stderr}
        cuttable = facts.keys() - EXACT
    return orjson.dumps(bounded_facts(facts, cuttable))


def serve_lines(options: argparse.Namespace) -> int:
    """Answers payloads, one a line, until standard input ends."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing else may write between the lines
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver handles Ctrl-C
    signal.signal(signal.SIGTERM, lambda *_: os._exit(ExitCode.TERMINATED))  # as when the driver has ended

    def send(message: dict[str, object]) -> None:
        out.write(orjson.dumps(message) + b"\n")

    headers = NO_HEADERS
    if options.headers_first:
        line = sys.stdin.buffer.readline()
        if not line:
            return ExitCode.TERMINATED
        headers = OriginHeaders.from_json(line)
    runtime = WorkerRuntime(
        options.workspace,
        lanes=options.lanes,
        allow_commands=options.allow_commands,
        on_frames=lambda count: send({"frames": count}),
        addresses=AddressRule.from_environment(loopback=True),  # authors render what their own server shows
        headers=headers,
    )
    try:
        for line in lines_until_orphaned():
            try:
                reply = runtime.process(payload_in(line))
            except BadPayload as error:
                reply = refusal(error)
            send({"reply": reply.model_dump()})
    except BrokenPipeError:
        return ExitCode.RETRYABLE
    finally:
        runtime.close()
    return ExitCode.DONE


def serve_lambda(options: argparse.Namespace) -> int:
    """A function of AWS Lambda, until it is ended. Returns the exit code."""
    from helios_worker.entrypoints import aws_lambda

    return aws_lambda.run(options.workspace, options.lanes)


def serve_http(options: argparse.Namespace) -> int:
    """Payloads by HTTP, until told to stop. Returns the exit code."""
    try:
        from helios_worker.entrypoints import cloud_run
    except ImportError:
        sys.stderr.write("waitress is not installed: pip install 'helios-render[functions]'\n")
        return ExitCode.USER_ERROR
    try:
        cloud_run.run(
            options.workspace,
            concurrency=options.concurrency,
            lanes=options.lanes,
            seconds=options.seconds,
            grace=options.grace,
        )
    except HeliosError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"{no_workspace(options.workspace, error)}\n")
        return ExitCode.USER_ERROR


LASTING = {"lines": serve_lines, "lambda": serve_lambda, "serve": serve_http}


def no_workspace(folder: str, error: OSError) -> str:
    """The message about a workspace that cannot be used."""
    return f"the workspace {folder} cannot be used: {error.strerror or error}; choose another one with --workspace"


def lines_until_orphaned() -> Iterator[bytes]:
    """The lines of standard input. When standard input ends during a stage, this process ends at once.

    The driver was then killed or has stopped. Commits survive that, and a worker that went on would render beside its
    successor. The browsers end with their pipes, and the next worker removes the workspace.
    """
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    idle = threading.Event()
    idle.set()

    def read() -> None:
        for line in sys.stdin.buffer:
            idle.clear()
            lines.put(line)
        if not idle.wait(0.5):
            os._exit(ExitCode.TERMINATED)
        lines.put(b"")

    threading.Thread(target=read, daemon=True, name="stdin").start()
    while line := lines.get():
        yield line
        idle.set()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(ExitCode.USER_ERROR, f"{self.prog}: {message}\n")


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{count} is not above 0")
    return count


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a valid duration")
    return seconds


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="helios-worker", description="Does one stage of a render.")
    stages = parser.add_subparsers(dest="stage", required=True)
    machine = _Parser(add_help=False)
    machine.add_argument("--workspace", default=tempfile.gettempdir(), help="folder for temporary files")
    machine.add_argument("--lanes", type=_count, default=None, help="browsers per chunk (default: one per processor)")
    common = _Parser(add_help=False, parents=[machine])
    common.add_argument("--allow-commands", action="store_true", help="run the commands of Helios' own jobs")
    common.add_argument("--attempt", type=_count, default=1, help="number of this attempt, from 1, for logs")
    for stage in Stage:
        sub = stages.add_parser(stage, parents=[common])
        sub.add_argument(
            "--headers-from",
            type=Path,
            default=None,
            help="file or folder with headers and their origin",
        )
        sub.add_argument("--headers-to", default=None, help="URL of the page whose server gets them, and no other")
        sub.add_argument("job_path", help="URL of the request (plan) or of job.json")
        if stage is Stage.CHUNK:
            sub.add_argument("chunk_index", type=int)
        else:
            sub.set_defaults(chunk_index=0)
        if stage is Stage.PLAN:
            sub.add_argument("--request", type=Path, default=None, help="file to store as the request first")
            sub.add_argument("--props", type=Path, action="append", default=[], help="JSON file with more props")
    lines = stages.add_parser("lines", parents=[common], help="one payload per line on standard input")
    lines.add_argument("--headers-first", action="store_true", help="the first line has headers for the page's server")
    stages.add_parser("lambda", parents=[machine], help="as a function of AWS Lambda")
    serve = stages.add_parser("serve", parents=[machine], help="payloads by HTTP, on the port of PORT or 8080")
    serve.add_argument("--concurrency", type=_count, default=1, help="renders at a time (default: 1)")
    serve.add_argument("--seconds", type=_seconds, default=None, help="time limit of a stage (default: none)")
    serve.add_argument("--grace", type=_seconds, default=10.0, help="seconds from SIGTERM to the end (default: 10)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
