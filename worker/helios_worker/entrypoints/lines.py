"""A worker that answers payloads, one a line, for the program that started it: `helios-worker lines`.

Somebody waits for its first answer, so the browser is started before anything else is imported.
"""

import argparse
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator

import orjson

from helios_crds.words import ExitCode
from helios_worker.network.addresses import AddressRule
from helios_worker.network.origin_headers import NO_HEADERS, OriginHeaders
from helios_worker.runtime import WorkerRuntime


def serve(options: argparse.Namespace) -> int:
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
        runtime.begin()
        from helios_worker.entrypoints.payloads import BadPayload, payload_in, refusal

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
