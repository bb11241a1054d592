"""What lies between a client and an object store, where things go wrong: a proxy on loopback that breaks on demand.

Everything passes through unchanged but for what a fault does to it, at the level of HTTP and of the connection. It
stands in front of a real server, so that what is left there after a fault is what a real server keeps.
"""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

BLOCK = 1 << 16
HOP_BY_HOP = {"transfer-encoding", "connection", "keep-alive"}


@dataclass(frozen=True)
class Call:
    """A request as it came. target: path and query."""

    method: str
    target: str
    headers: dict[str, str]

    def __str__(self) -> str:
        return f"{self.method} {self.target}"


@dataclass(frozen=True)
class Fault:
    """What happens to a request.

    status, body: the answer that it gets in the server's place.
    cut_upload, cut_download: bytes of the body after which the connection ends.
    lose_answer: the server does what was asked, and nobody hears of it.
    flip: the byte of the request's body that arrives altered.
    stall: seconds during which nothing happens; the request then goes on.
    """

    status: int = 0
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    cut_upload: int | None = None
    cut_download: int | None = None
    lose_answer: bool = False
    flip: int | None = None
    stall: float = 0.0


@dataclass
class _Rule:
    fault: Fault
    wanted: Callable[[Call], bool]
    left: int


@dataclass
class Faulty:
    """A proxy that runs. url: where to ask. calls: all there were, in order."""

    url: str
    calls: list[Call] = field(default_factory=list)
    _rules: list[_Rule] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def when(self, fault: Fault, *, method: str = "", holding: str = "", times: int = 1) -> None:
        """Has a fault befall the next requests of a method whose target holds a text.

        times: how many of them; -1 for all from now on.
        """
        self._rules.append(
            _Rule(fault, lambda call: call.method.startswith(method) and holding in call.target, left=times)
        )

    def calm(self) -> None:
        """No fault from here on, and no memory of what was."""
        with self._lock:
            self._rules.clear()
            self.calls.clear()

    def asked(self, method: str, holding: str = "") -> int:
        """How many requests of a method there were whose target holds a text."""
        return sum(call.method == method and holding in call.target for call in self.calls)

    def fault_for(self, call: Call) -> Fault:
        """What befalls a request; used up by asking."""
        with self._lock:
            self.calls.append(call)
            for rule in self._rules:
                if rule.left and rule.wanted(call):
                    rule.left -= 1
                    return rule.fault
        return Fault()


class _Cut(Exception):
    """The client's connection ends here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream: str
    proxy: Faulty

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (_Cut, OSError):
            self.close_connection = True

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._pass_on
        raise AttributeError(name)

    def _pass_on(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        fault = self.proxy.fault_for(Call(self.command, self.path, headers))
        length = int(headers.get("content-length", 0))
        if fault.status:
            self._read(length)
            self._answer(fault.status, [*fault.headers], fault.body.encode())
            return
        if fault.stall:
            time.sleep(fault.stall)
        host = urlsplit(self.upstream).netloc
        server = http.client.HTTPConnection(host, timeout=30)
        try:
            self._forward(server, fault, length)
            response = server.getresponse()
            if fault.lose_answer:
                response.read()
                raise _Cut
            self._return(response, fault)
        except http.client.HTTPException as error:
            raise _Cut from error
        finally:
            server.close()

    def _forward(self, server: http.client.HTTPConnection, fault: Fault, length: int) -> None:
        server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP_BY_HOP:
                server.putheader(name, value)
        server.endheaders()
        allowed = length if fault.cut_upload is None else min(length, fault.cut_upload)
        sent = 0
        while sent < allowed:
            block = bytearray(self.rfile.read(min(BLOCK, allowed - sent)))
            if not block:
                raise _Cut
            if fault.flip is not None and sent <= fault.flip < sent + len(block):
                block[fault.flip - sent] ^= 1
            server.send(bytes(block))
            sent += len(block)
        if fault.cut_upload is not None:
            raise _Cut

    def _return(self, response: http.client.HTTPResponse, fault: Fault) -> None:
        kept = [(name, value) for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP]
        has_length = response.getheader("Content-Length") is not None or self.command == "HEAD"
        if not has_length:
            self._answer(response.status, kept, response.read())
            return
        self.send_response_only(response.status)
        for name, value in kept:
            self.send_header(name, value)
        self.end_headers()
        sent = 0
        while block := response.read(BLOCK):
            if fault.cut_download is not None and sent + len(block) > fault.cut_download:
                self.wfile.write(block[: fault.cut_download - sent])
                self.wfile.flush()
                raise _Cut
            self.wfile.write(block)
            sent += len(block)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _read(self, length: int) -> None:
        while length > 0 and (block := self.rfile.read(min(BLOCK, length))):
            length -= len(block)


@contextmanager
def faulty(upstream: str) -> Iterator[Faulty]:
    """A proxy in front of a server at an address such as http://127.0.0.1:7070."""
    proxy = Faulty("")
    handler = type("Handler", (_Handler,), {"upstream": upstream, "proxy": proxy})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        with suppress(RuntimeError):
            thread.join(timeout=5)
