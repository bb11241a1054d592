"""The Chrome DevTools Protocol over a pair of pipes.

A frame takes two or three short commands and one answer of some hundred kilobytes, so the transport matters. Unlike a
driver in its own process, the pipe costs no process, no memory and no start (docs/decisions/0006). Messages are JSON,
each ended by a NUL byte, in both directions (`--remote-debugging-pipe`).
"""

import asyncio
import fcntl
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from helios_worker.errors import HeliosError
from helios_worker.surrogates import without_surrogates

Message = dict[str, Any]
Handler = Callable[[str, Message], None]
# Handlers by the method of their event.
EventTable = dict[str, Callable[[Message], None]]

PIPE_BYTES = 1 << 20
ENDED = "the browser ended"


class BrowserGone(HeliosError):
    """The browser ended or its pipe broke: another attempt starts a new one."""


class CommandRefused(HeliosError):
    """The browser answered a command with an error."""


class Connection:
    """Commands and events over one browser's pipe.

    Not thread-safe: it belongs to the event loop it was made in.
    """

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._last_id = 0
        self._waiting: dict[int, tuple[str, asyncio.Future[Message]]] = {}
        self._partial: list[bytes] = []
        self._handlers: dict[str | None, list[Handler]] = defaultdict(list)
        self._closed_because: str | None = None
        for fd in (read_fd, write_fd):
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        os.set_blocking(read_fd, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(read_fd, self._on_readable)

    async def send(self, method: str, params: Message | None = None, session: str | None = None) -> Message:
        """The result of one command.

        Raises:
            BrowserGone: the browser ended before it answered.
            CommandRefused: the browser answered with an error.
        """
        return await self.post(method, params, session)

    def post(
        self,
        method: str,
        params: Message | None = None,
        session: str | None = None,
        *,
        body: Iterable[bytes] | None = None,
    ) -> asyncio.Future[Message]:
        """Sends a command and returns the future of its result, so that several can run at once.

        body: pieces in base64 of one more parameter, `body`, each of which is written before the next is read.
        """
        future: asyncio.Future[Message] = self._loop.create_future()
        if self._closed_because is not None:
            future.set_exception(BrowserGone(f"{method}: {self._closed_because}"))
            return future
        self._last_id += 1
        message: Message = {"id": self._last_id, "method": method}
        if session is not None:
            message["sessionId"] = session
        message["params"] = params or {}
        self._waiting[self._last_id] = (method, future)
        try:
            if body is None:
                self._write(orjson.dumps(message) + b"\0")
            else:
                self._write_with_body(orjson.dumps(message), body)
        except BrokenPipeError:  # noticed here before the read end reports it
            self.close(ENDED)
        except OSError as error:
            self.close(f"the browser no longer reads its pipe ({error})")
        return future

    def listen(self, session: str | None, handler: Handler) -> None:
        """Calls `handler(method, params)` on each event of a session (None: the browser itself)."""
        self._handlers[session].append(handler)

    def forget(self, session: str) -> None:
        """Drops the handlers of a session that has ended."""
        self._handlers.pop(session, None)

    @property
    def is_open(self) -> bool:
        """Whether commands can still be sent."""
        return self._closed_because is None

    def close(self, because: str) -> None:
        """Ends the connection. Unanswered commands fail with BrowserGone, and sessions get Inspector.detached."""
        if self._closed_because is not None:
            return
        self._closed_because = because
        self._loop.remove_reader(self._read_fd)
        os.close(self._read_fd)
        os.close(self._write_fd)
        for method, future in self._waiting.values():
            if not future.done():
                future.set_exception(BrowserGone(f"{method}: {because}"))
                future.exception()  # nobody may be waiting any more
        self._waiting.clear()
        for handler in [handler for handlers in self._handlers.values() for handler in handlers]:
            handler("Inspector.detached", {"reason": because})

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._write_fd, view) :]

    def _write_with_body(self, message: bytes, body: Iterable[bytes]) -> None:
        """Writes a message whose last field is `params`, not empty, with `body` added to them."""
        self._write(message.removesuffix(b"}}") + b',"body":"')
        for piece in body:
            self._write(piece)
        self._write(b'"}}\0')

    def _on_readable(self) -> None:
        try:
            data = os.read(self._read_fd, PIPE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self.close(str(error))
            return
        if not data:
            self.close(ENDED)
            return
        *complete, rest = data.split(b"\0")
        for tail in complete:
            self._partial.append(tail)
            message = _read(b"".join(self._partial))
            self._partial.clear()
            self._dispatch(message)
        if rest:
            self._partial.append(rest)

    def _dispatch(self, message: Message) -> None:
        if "id" not in message:
            for handler in tuple(self._handlers.get(message.get("sessionId"), ())):
                handler(message["method"], message.get("params", {}))
            return
        method, future = self._waiting.pop(message["id"])
        if future.done():
            return
        if "error" in message:
            future.set_exception(CommandRefused(f"{method}: {message['error'].get('message', message['error'])}"))
        else:
            future.set_result(message["result"])


def _read(data: bytes) -> Message:
    """A message from the browser. Texts of a page in it may be invalid Unicode."""
    try:
        message: Message = orjson.loads(data)
    except orjson.JSONDecodeError:
        message = without_surrogates(json.loads(data.decode(errors="replace")))
    return message
