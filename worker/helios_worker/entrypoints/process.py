"""`helios-worker`: the worker as a process.

    helios-worker plan REQUEST_URL        helios-worker chunk JOB_URL INDEX        helios-worker stitch JOB_URL
    helios-worker lines                   one payload per line on standard input, warm between them

The one-shot forms print the reply's result as JSON and exit with its code; a pod's termination message is
written where HELIOS_TERMINATION_LOG points. `lines` is what the local adapter drives: it answers each
payload with one line {"reply": …}, sends {"frames": n} meanwhile, and ends with its standard input.
"""

import argparse
import logging
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
from pydantic import ValidationError

from helios_crds.wire import RESULT_BYTES, ExitCode, Payload, Reply, Stage
from helios_worker.credentials import adopt_secret
from helios_worker.errors import HeliosError, UserError
from helios_worker.runtime import WorkerRuntime
from helios_worker.trace import mark

EXACT = {"badChunks"}
"""What of a failure is never cut: a part of it would mean something else."""


def main(arguments: list[str] | None = None) -> int:
    """The console script. Returns the exit code."""
    mark("imported")
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    if options.stage == "lines":
        return serve_lines(options)
    told: list[ExitCode] = []

    def terminate(*_: object) -> None:
        """As Ctrl-C, which asyncio takes at a place where the stage can be wound up."""
        told.append(ExitCode.TERMINATED)
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGTERM, terminate)
    try:
        reply = answer(options)
    except KeyboardInterrupt:
        reply = Reply(exitCode=(told or [ExitCode.INTERRUPTED])[0], stderr="the worker was told to stop")
    except OSError as error:
        place = f"the workspace {options.workspace} cannot be used: {error.strerror or error}"
        reply = Reply(exitCode=ExitCode.USER_ERROR, stderr=f"{place}; choose another one with --workspace")
    sys.stderr.write(f"{reply.stderr}\n" if reply.stderr else "")
    sys.stdout.write(orjson.dumps(reply.result or {}).decode() + "\n")
    if message := os.environ.get("HELIOS_TERMINATION_LOG"):
        Path(message).write_bytes(termination_message(reply))
    return reply.exitCode


def answer(options: argparse.Namespace) -> Reply:
    """The reply to a one-shot call."""
    try:
        adopt_secret(os.environ)
    except UserError as error:
        return Reply(exitCode=error.exit_code, stderr=str(error))
    try:
        payload = Payload(
            jobPath=options.job_path,
            chunkIndex=options.chunk_index,
            stage=Stage(options.stage),
            attempt=options.attempt,
        )
    except ValidationError as error:
        return bad_payload(error)
    if payload.stage is Stage.PLAN and options.request is not None:
        try:
            keep_request(payload.jobPath, options.request, options.props)
        except HeliosError as error:
            return Reply(exitCode=error.exit_code, stderr=str(error))
    runtime = WorkerRuntime(options.workspace, lanes=options.lanes, allow_commands=options.allow_commands)
    try:
        return runtime.process(payload)
    finally:
        runtime.close()


def keep_request(url: str, file: Path, props: Sequence[Path]) -> None:
    """Puts a request where the plan looks for it: a pod brings it as a file.

    props: JSON files whose fields are added to the composition's props; a later one wins, the request's own over all.

    Raises:
        UserError: one of the files cannot be read, or is no JSON object.
    """
    from helios_worker.store import ArtifactStore, split_url

    request = _read_object(file)
    merged: dict[str, object] = {}
    for path in props:
        merged |= _read_object(path)
    if merged:
        composition = request.setdefault("composition", {})
        composition["props"] = merged | (composition.get("props") or {})
    root, key = split_url(url, "requests/")
    ArtifactStore(root).put(key, orjson.dumps(request))


def _read_object(path: Path) -> dict[str, Any]:
    try:
        found = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise UserError(f"{path} holds no JSON object")
    return found


def bad_payload(error: ValidationError) -> Reply:
    """The reply to what is no payload; names the field."""
    first = error.errors()[0]
    where = "".join(f"{part}: " for part in first["loc"])
    return Reply(exitCode=ExitCode.USER_ERROR, stderr=f"bad payload: {where}{first['msg']}")


def termination_message(reply: Reply) -> bytes:
    """The result, or what went wrong, in the RESULT_BYTES that a pod may leave behind.

    Too long a text ends early, and so does a list of warnings; what a program goes by is whole or not there.
    """
    if reply.exitCode == ExitCode.DONE:
        facts, cuttable = dict(reply.result or {}), {"warnings"}
    else:
        facts = {"error": "Error", **(reply.result or {}), "message": reply.stderr}
        cuttable = facts.keys() - EXACT
    while len(data := orjson.dumps(facts)) > RESULT_BYTES:
        longest = max((name for name in cuttable if facts.get(name)), key=lambda name: _size(facts[name]), default=None)
        if longest is None:
            return b'{"error":"the result is too large"}'
        value = facts[longest]
        facts[longest] = value[: len(value) * 3 // 4] if isinstance(value, str | list | tuple) else None
    return data


def _size(value: object) -> int:
    return len(orjson.dumps(value))


def serve_lines(options: argparse.Namespace) -> int:
    """Answers payloads, one a line, until standard input ends."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing else may write between the lines
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle
    signal.signal(signal.SIGTERM, lambda *_: os._exit(ExitCode.TERMINATED))  # as when the driver is gone

    def send(message: dict[str, object]) -> None:
        out.write(orjson.dumps(message) + b"\n")

    runtime = WorkerRuntime(
        options.workspace,
        lanes=options.lanes,
        allow_commands=options.allow_commands,
        on_frames=lambda count: send({"frames": count}),
    )
    try:
        for line in lines_until_orphaned():
            try:
                reply = runtime.process(Payload.model_validate_json(line))
            except ValidationError as error:
                reply = bad_payload(error)
            send({"reply": reply.model_dump()})
    except BrokenPipeError:
        return ExitCode.RETRYABLE
    finally:
        runtime.close()
    return ExitCode.DONE


def lines_until_orphaned() -> Iterator[bytes]:
    """The lines of standard input. When it ends in the middle of a stage, so does this process, at once.

    The driver is gone then: it was killed, or wants no more. Stages survive that; a worker that went on would
    render beside its successor. Its browsers end with their pipes, its workspace is swept by the next worker.
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


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="helios-worker", description="Does one stage of a render.")
    stages = parser.add_subparsers(dest="stage", required=True)
    common = _Parser(add_help=False)
    common.add_argument("--workspace", default=tempfile.gettempdir(), help="folder for temporary files")
    common.add_argument("--lanes", type=_count, default=None, help="browsers per chunk (default: one per processor)")
    common.add_argument("--allow-commands", action="store_true", help="run the commands of Helios' own jobs")
    common.add_argument("--attempt", type=_count, default=1, help="how often this has been asked for")
    for stage in Stage:
        sub = stages.add_parser(stage, parents=[common])
        sub.add_argument("job_path", help="URL of the request (plan) or of job.json")
        if stage is Stage.CHUNK:
            sub.add_argument("chunk_index", type=int)
        else:
            sub.set_defaults(chunk_index=0)
        if stage is Stage.PLAN:
            sub.add_argument("--request", type=Path, default=None, help="file to be stored as the request first")
            sub.add_argument("--props", type=Path, action="append", default=[], help="JSON file with more props")
    stages.add_parser("lines", parents=[common], help="one payload per line on standard input")
    return parser


if __name__ == "__main__":
    sys.exit(main())
