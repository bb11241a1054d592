"""The Chrome DevTools Protocol over a pair of pipes.

A frame takes two or three short commands and one answer of some hundred kilobytes, so the transport matters. Unlike a
driver in its own process, the pipe costs no process, no memory and no start (docs/decisions/0006). Messages are JSON,
each ended by a NUL byte, in both directions (`--remote-debugging-pipe`).
"""

import asyncio
import fcntl
import json
import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from helios_worker.errors import HeliosError
from helios_worker.surrogates import without_surrogates

log = logging.getLogger(__name__)
Message = dict[str, Any]
Handler = Callable[[str, Message], None]
# Handlers by the method of their event.
EventTable = dict[str, Callable[[Message], None]]

PIPE_BYTES = 1 << 20
# A page can log, throw and ask with texts of hundreds of megabytes. An event that is longer is dropped unread. The
# longest that pages need are requests for data: URLs, whose loss goes unnoticed.
EVENT_BYTES = 32 << 20
EVENT_START = b'{"method":"'
ENDED = "the browser ended"


class BrowserGone(HeliosError):
    """The browser ended or its pipe broke: another attempt starts a new one."""


class CommandRefused(HeliosError):
    """The browser answered a command with an error."""


@dataclass(frozen=True, slots=True)
class _Unanswered:
    """A command that the browser has not answered yet. session: None for the browser itself."""

    method: str
    session: str | None
    answer: asyncio.Future[Message]

    def fail(self, error: HeliosError) -> None:
        """Ends it without an answer."""
        if not self.answer.done():
            self.answer.set_exception(error)
            self.answer.exception()  # nobody may be waiting any more


def widen_pipe(fd: int) -> int:
    """Asks for a pipe of PIPE_BYTES, and takes what it gets. Returns its size in bytes.

    The kernel gives all pipes of an unprivileged user together 64 MiB on a node (fs.pipe-user-pages-soft), and refuses
    a larger one with EPERM. A small pipe carries the same bytes in more turns.
    """
    try:
        return fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except OSError as error:
        size = fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ)
        log.debug("a pipe to the browser keeps its %d bytes: %s", size, error)
        return size


class Connection:
    """Commands and events over one browser's pipe.

    Not thread-safe: it belongs to the event loop it was made in.
    """

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._last_id = 0
        self._waiting: dict[int, _Unanswered] = {}
        self._partial: list[bytes] = []
        self._partial_bytes = 0
        self._handlers: dict[str | None, list[Handler]] = defaultdict(list)
        self._closed_because: str | None = None
        for fd in (read_fd, write_fd):
            widen_pipe(fd)
        os.set_blocking(read_fd, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(read_fd, self._on_readable)

    async def send(self, method: str, params: Message | None = None, session: str | None = None) -> Message:
        """The result of one command.

        Raises:
            BrowserGone: the browser ended before it answered.
            CommandRefused: the browser answered with an error, or the session ended before it answered.
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
        self._waiting[self._last_id] = _Unanswered(method, session, future)
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
        """Drops the handlers of a session that has ended, and refuses its commands: the browser may not answer them."""
        self._handlers.pop(session, None)
        for number, command in list(self._waiting.items()):
            if command.session == session:
                del self._waiting[number]
                command.fail(CommandRefused(f"{command.method}: its session ended"))

    def unlisten(self, session: str | None, handler: Handler) -> None:
        """Drops one handler."""
        if handler in self._handlers.get(session, ()):
            self._handlers[session].remove(handler)

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
        for command in self._waiting.values():
            command.fail(BrowserGone(f"{command.method}: {because}"))
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
            self._keep(tail)
            whole, length = b"".join(self._partial), self._partial_bytes
            self._partial.clear()
            self._partial_bytes = 0
            if len(whole) == length:
                self._dispatch(_read(whole))
            else:
                log.warning("the page's browser reported %d bytes at once, which were dropped", length)
        if rest:
            self._keep(rest)

    def _keep(self, part: bytes) -> None:
        """Keeps a part of a message that has not ended yet; of an event that is too long, only its first part."""
        self._partial_bytes += len(part)
        if self._partial_bytes <= EVENT_BYTES or not self._partial or not self._partial[0].startswith(EVENT_START):
            self._partial.append(part)
        else:
            del self._partial[1:]

    def _dispatch(self, message: Message) -> None:
        if "id" not in message:
            for handler in tuple(self._handlers.get(message.get("sessionId"), ())):
                try:
                    handler(message["method"], message.get("params", {}))
                except Exception:  # the messages behind it must be read all the same
                    log.exception("an event of the browser could not be handled: %s", message["method"])
            return
        command = self._waiting.pop(message["id"], None)
        if command is None or command.answer.done():  # None: the session or the connection has ended meanwhile
            return
        if "error" in message:
            error = message["error"]
            command.answer.set_exception(CommandRefused(f"{command.method}: {error.get('message', error)}"))
        else:
            command.answer.set_result(message["result"])


def _read(data: bytes) -> Message:
    """A message from the browser. Texts of a page in it may be invalid Unicode."""
    try:
        message: Message = orjson.loads(data)
    except orjson.JSONDecodeError:
        message = without_surrogates(json.loads(data.decode(errors="replace")))
    return message
