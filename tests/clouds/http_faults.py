"""An HTTP server whose answers can be made to go wrong on the wire: late, cut, stalled, dripped, or another's."""

from __future__ import annotations

import json
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote, urlsplit

LARGEST = 1 << 24


@dataclass(frozen=True)
class Request:
    """headers: by their names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body or b"null")


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(value: object, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


@dataclass(frozen=True)
class Fault:
    """What befalls one request.

    delay: seconds before anything is done. drop: the connection ends, before the work or after it. instead: an answer
    in the target's place. twice: the work is done twice, the second answer counts. cut: half of the answer, and the
    connection ends. drip: seconds between single bytes of the answer's body. stall: half of the answer, and then
    nothing until the server is closed.
    """

    delay: float = 0
    drop: str = ""
    instead: Answer | None = None
    twice: bool = False
    cut: bool = False
    drip: float = 0
    stall: bool = False


class FaultyServer:
    """Serves `handle` on a free port of this machine.

    requests: all that came. fault: asked for what befalls each request that `is_faulty` speaks of, by its number
    among these, from 0.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.fault: Callable[[int], Fault | None] = lambda number: None
        self.active = self.most_active = 0
        self._faulty = 0
        self._lock = threading.Lock()
        self._closed = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self) -> None:
                server._serve(self)

            def log_message(self, *arguments: object) -> None:
                """Nothing: the test's own output is enough."""

        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            setattr(Handler, f"do_{method}", Handler.do)

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, request: object, client_address: object) -> None:
                """Who calls may go away at any time, and tests see to that; other errors are the server's own."""
                if not isinstance(sys.exception(), ConnectionError):
                    traceback.print_exc()

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def faults(self, *faults: Fault | None) -> None:
        """These, one after the other, from here on; then none."""
        with self._lock:
            begin = self._faulty
        self.fault = lambda number: faults[number - begin] if number - begin < len(faults) else None

    def handle(self, request: Request) -> Answer:
        raise NotImplementedError

    def is_faulty(self, request: Request) -> bool:
        """Whether faults may befall it."""
        return True

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        length = min(int(handler.headers.get("Content-Length") or 0), LARGEST)
        request = Request(
            handler.command,
            unquote(parts.path),
            parts.query,
            {name.lower(): value for name, value in handler.headers.items()},
            handler.rfile.read(length),
        )
        with self._lock:
            self.requests.append(request)
            fault = None
            if self.is_faulty(request):
                fault = self.fault(self._faulty)
                self._faulty += 1
            self.active += 1
            self.most_active = max(self.most_active, self.active)
        with ExitStack() as under_way:
            under_way.callback(self._end)
            self._answer(handler, request, fault or Fault(), under_way)

    def _end(self) -> None:
        with self._lock:
            self.active -= 1

    def _answer(self, handler: BaseHTTPRequestHandler, request: Request, fault: Fault, under_way: ExitStack) -> None:
        self._closed.wait(fault.delay)
        if fault.drop == "before":
            handler.close_connection = True
            return
        if fault.twice:
            self.handle(request)
        answer = fault.instead or self.handle(request)
        if fault.drop == "after":
            handler.close_connection = True
            return
        if not (fault.cut or fault.stall or fault.drip):
            under_way.close()  # before the client has its answer, and may ask for more
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        self._write(handler, answer.body, fault)

    def _write(self, handler: BaseHTTPRequestHandler, body: bytes, fault: Fault) -> None:
        if fault.cut or fault.stall:
            handler.wfile.write(body[: len(body) // 2])
            handler.wfile.flush()
            if fault.stall:
                self._closed.wait(60)
            handler.close_connection = True
        elif fault.drip:
            for byte in body:
                handler.wfile.write(bytes([byte]))
                handler.wfile.flush()
                if self._closed.wait(fault.drip):
                    return
        else:
            handler.wfile.write(body)
