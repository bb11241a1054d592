"""`helios-worker`: the worker as a process.

    helios-worker plan REQUEST_URL        helios-worker chunk JOB_URL INDEX        helios-worker stitch JOB_URL
    helios-worker lines                   one payload per line on standard input, warm between them
    helios-worker lambda                  as a function of AWS Lambda; see aws_lambda
    helios-worker serve                   payloads by HTTP, on Cloud Run for one; see cloud_run

The one-shot forms print the reply's result as JSON and exit with its code. They write a pod's termination message to
the file that HELIOS_TERMINATION_LOG names. The local adapter drives `lines`, which answers each payload with one line
{"reply": …}, sends {"frames": n} meanwhile, and ends with its standard input.

Imports what the form needs that is asked for.
"""

import argparse
import logging
import math
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from helios_crds.text import log_entry
from helios_crds.words import ExitCode, Stage
from helios_worker.errors import HeliosError, UserError
from helios_worker.process_end import end_process
from helios_worker.trace import mark
from helios_worker.workspace import no_workspace


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
    from helios_worker.entrypoints.one_shot import once

    return once(options)


class PrintableFormatter(logging.Formatter):
    """Entries whose further lines are indented: no text of a page or caller in them passes for an entry of ours."""

    def format(self, record: logging.LogRecord) -> str:
        """The entry, as it is written."""
        return log_entry(super().format(record))


def serve_lines(options: argparse.Namespace) -> int:
    """Payloads, one a line, until standard input ends. Returns the exit code."""
    from helios_worker.entrypoints import lines

    return lines.serve(options)


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
    end_process(main())
