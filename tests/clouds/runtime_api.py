"""AWS Lambda's Runtime API, as far as a runtime client uses it: what Lambda is to the process in a container.

    with RuntimeApi() as api:
        process = start(..., AWS_LAMBDA_RUNTIME_API=api.address)
        api.invoke({"jobPath": …}, seconds=30)       # what the function returned

The protocol is public (version 2018-06-01). This stands for Lambda because Lambda cannot be had here; the client that
talks to it is AWS' own. It sends nobody SIGKILL at the deadline: `invoke` raises TimedOut then, as a caller would hear.
"""

from __future__ import annotations

import json
import queue
import threading
import time
import uuid
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

PREFIX = "/2018-06-01/runtime"
RESPONSE_BYTES = 6 << 20
"""A larger response of a synchronous call Lambda refuses."""


class FunctionError(Exception):
    """The function reported an error in place of a response. kind: its type; told: the body."""

    def __init__(self, kind: str, told: dict[str, Any]) -> None:
        super().__init__(f"{kind}: {told.get('errorMessage')}")
        self.kind = kind
        self.told = told


class TimedOut(Exception):
    """Nothing was heard by the deadline: Lambda would have killed the function."""


class _Invocation:
    def __init__(self, event: bytes, seconds: float) -> None:
        self.id = str(uuid.uuid4())
        self.event = event
        self.deadline = time.time() + seconds
        self.outcome: queue.SimpleQueue[Any] = queue.SimpleQueue()


class RuntimeApi:
    """A server on loopback for one function. host: where it listens."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._waiting: queue.SimpleQueue[_Invocation] = queue.SimpleQueue()
        self._under_way: dict[str, _Invocation] = {}
        self.init_errors: queue.SimpleQueue[FunctionError] = queue.SimpleQueue()
        self.over = threading.Event()
        api = self

        class Handler(_Handler):
            def __init__(self, *connection: Any) -> None:
                self.api = api
                super().__init__(*connection)

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.address = f"{host}:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def invoke(self, event: Any, *, seconds: float = 60) -> Any:
        """What the function returns for an event: any JSON value, or bytes as they are.

        seconds: until its deadline.

        Raises:
            FunctionError: it reported an error.
            TimedOut: it said nothing in time.
        """
        return self.begin(event, seconds=seconds)()

    def begin(self, event: Any, *, seconds: float = 60) -> Any:
        """As `invoke`, but returns at once, with a function that waits for the outcome."""
        data = event if isinstance(event, bytes) else json.dumps(event).encode()
        invocation = _Invocation(data, seconds)
        self._waiting.put(invocation)

        def outcome() -> Any:
            try:
                found = invocation.outcome.get(timeout=max(0.0, invocation.deadline - time.time()))
            except queue.Empty:
                raise TimedOut(f"no response after {seconds:g} s") from None
            if isinstance(found, Exception):
                raise found
            return json.loads(found)

        return outcome

    # -- for the handler -----------------------------------------------------------------------------------------

    def next(self) -> _Invocation | None:
        """The next event, as soon as there is one; None when all is over."""
        while not self.over.is_set():
            with suppress(queue.Empty):
                invocation = self._waiting.get(timeout=0.1)
                self._under_way[invocation.id] = invocation
                return invocation
        return None

    def settle(self, number: str, outcome: Any) -> bool:
        """Notes what came of an invocation. False: there is none of this number."""
        invocation = self._under_way.pop(number, None)
        if invocation is not None:
            invocation.outcome.put(outcome)
        return invocation is not None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: RuntimeApi

    def handle(self) -> None:
        with suppress(ConnectionError):  # the function has ended
            super().handle()

    def do_GET(self) -> None:
        if self.path != f"{PREFIX}/invocation/next":
            return self._answer(404, {})
        invocation = self.api.next()
        if invocation is None:
            self.close_connection = True
            return None
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:helios-worker",
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
        }
        return self._send(200, invocation.event, headers)

    def do_POST(self) -> None:
        body = self._body()
        told = self.headers.get("Lambda-Runtime-Function-Error-Type", "")
        if self.path == f"{PREFIX}/init/error":
            self.api.init_errors.put(FunctionError(told, json.loads(body)))
            return self._answer(202, {"status": "OK"})
        number, _, what = self.path.removeprefix(f"{PREFIX}/invocation/").partition("/")
        if what == "response" and len(body) > RESPONSE_BYTES:
            self.api.settle(number, FunctionError("Function.ResponseSizeTooLarge", {}))
            return self._answer(413, {"errorType": "RequestEntityTooLarge"})
        outcome = {"response": body, "error": FunctionError(told, json.loads(body) if what == "error" else {})}
        if what not in outcome or not self.api.settle(number, outcome[what]):
            return self._answer(400, {"errorType": "InvalidRequestID"})
        return self._answer(202, {"status": "OK"})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status: int, value: Any) -> None:
        self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Says nothing: the tests look at what came of it."""
