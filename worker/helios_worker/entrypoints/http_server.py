"""waitress, with limits on a body's size and on the time a request may take to arrive, and with errors as JSON.

docs/decisions/0016 says why waitress, and what it does by itself: it passes on no half-sent request, limits
connections, and closes idle ones.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import orjson
from waitress.adjustments import Adjustments
from waitress.buffers import OverflowableBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask
from waitress.wasyncore import close_all

BODY_BYTES = 524_288
"""The largest body. A RenderJob's inline page and props have 131,072 bytes at most, which JSON can make longer."""
DRAINED_BYTES = 32 << 20
"""A body up to this size is read to its end even where it is refused, since a client that is cut off while sending
never reads the reason. Cloud Run passes on no larger one (HTTP/1)."""
HEADER_BYTES = 32_768
REQUEST_SECONDS = 20
"""From a request's first byte to its last."""
IDLE_SECONDS = 75
"""How long a connection may be idle: longer than load balancers keep theirs, so that they close first."""
CHECK_SECONDS = 2
CONNECTIONS = 500
LOOP_SECONDS, THREAD_SECONDS = 0.5, 0.2
"""How long the reading thread, and an idle one, may take to end."""


class Server:
    """A WSGI application, served from a thread of its own.

    port: where it listens; 0 takes any free port. threads: requests that are answered at once.
    """

    def __init__(self, application: Callable[..., Any], *, host: str, port: int, threads: int) -> None:
        """Binds the port.

        Raises:
            OSError: the port is taken.
        """
        adjustments = Adjustments(
            host=host,
            port=port,
            threads=threads,
            ident="",
            max_request_header_size=HEADER_BYTES,
            max_request_body_size=DRAINED_BYTES,
            channel_timeout=IDLE_SECONDS,
            cleanup_interval=CHECK_SECONDS,
            connection_limit=CONNECTIONS,
            log_socket_errors=False,
            asyncore_use_poll=True,  # select() knows no descriptor above 1023
        )
        self._server = _Waitress(application, map={}, adj=adjustments)
        self.port = int(self._server.effective_port)
        self._loop = threading.Thread(target=self._server.run, name="http", daemon=True)

    def start(self) -> None:
        """Serves; returns at once."""
        self._loop.start()

    def close(self) -> None:
        """Closes the port and every connection, and waits a moment for the threads to end."""
        if self._loop.is_alive():
            self._server.trigger.pull_trigger(self._hang_up)
            self._loop.join(LOOP_SECONDS)
        else:
            self._hang_up()
        self._server.task_dispatcher.shutdown(timeout=THREAD_SECONDS)

    def _hang_up(self) -> None:
        close_all(self._server._map, ignore_all=True)

    def has_unsent(self) -> bool:
        """Whether a request is being answered, or an answer has not been sent to its end."""
        channels = list(self._server.active_channels.values())
        return any(channel.requests or channel.total_outbufs_len for channel in channels)


class _KeptBody(OverflowableBuffer):
    """Keeps one byte more than the limit, by which the application sees that the body was too large."""

    def append(self, data: bytes) -> None:
        super().append(data[: BODY_BYTES + 1 - len(self)])


class _Parser(HTTPRequestParser):
    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if self.body_rcv is not None:
            self.body_rcv.buf = _KeptBody(BODY_BYTES + 2)


class _ErrorTask(ErrorTask):
    """Answers a request that is not HTTP in the same form as all others."""

    def execute(self) -> None:
        error = self.request.error
        body = orjson.dumps({"message": f"{error.reason.lower()}: {error.body}"})
        self.status = f"{error.code} {error.reason}"
        self.response_headers = [("Content-Type", "application/json")]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):
    """A connection. begun: when its current request began to arrive; None between requests."""

    parser_class = _Parser
    error_task_class = _ErrorTask
    begun: float | None = None

    def received(self, data: bytes) -> bool:
        before = self.request
        taken = super().received(data)
        if self.request is None:
            self.begun = None
        elif self.request is not before:
            self.begun = time.monotonic()
        return bool(taken)


class _Waitress(TcpWSGIServer):
    channel_class = _Channel

    def maintenance(self, now: float) -> None:
        """Also closes a connection whose request takes too long to arrive, even while bytes still come."""
        super().maintenance(now)
        late = time.monotonic() - REQUEST_SECONDS
        for channel in self.active_channels.values():
            if channel.begun is not None and channel.begun < late:
                channel.will_close = True
