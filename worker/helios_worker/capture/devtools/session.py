"""Commands to one page, over its browser's connection."""

import asyncio
import contextlib
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from helios_worker.capture.devtools.blank_pages import BlankPage
from helios_worker.capture.devtools.cdp import BrowserGone, CommandRefused, Handler, Message
from helios_worker.capture.devtools.process import Browser
from helios_worker.capture.messages import exception_text
from helios_worker.capture.playhead import Playhead
from helios_worker.errors import HeliosError

# How long a healthy browser may take to answer.
ANSWER_SECONDS = 3.0
SILENT = "the browser does not answer"

T = TypeVar("T")


@dataclass(frozen=True)
class Realm:
    """Where a virtual clock runs: in the page, or in a worker (its session) or a frame of another origin (its context).

    session, context: as the DevTools protocol numbers them; both None is the page.
    """

    session: str | None = None
    context: int | None = None


PAGE = Realm()


class Session:
    """One page's session. After its process has crashed, every command fails.

    playhead: names the frame in messages.
    process: of the browser, which leads the group of all its processes.
    unreachable: why no connection to a host and port could be made lately; None where one could.
    log: the browser's.
    target: the page, as events of the browser name it.
    """

    def __init__(self, browser: Browser, blank: BlankPage, playhead: Playhead) -> None:
        self.connection = browser.connection
        self.target = blank.target
        self.crashed: str | None = None
        self.process = browser.pid
        self.unreachable = browser.proxy.failure
        self.log = browser.log
        self._context = blank.context
        self._number = blank.session
        self._playhead = playhead

    @classmethod
    async def attach(cls, browser: Browser, width: int, height: int, playhead: Playhead) -> "Session":
        """The session of a new blank page of this size, which draws only on command."""
        return cls(browser, await browser.blank_pages.take(width, height), playhead)

    def listen(self, handler: Handler) -> None:
        """Calls `handler(method, params)` on each event of the page."""
        self.connection.listen(self._number, handler)

    async def command(self, method: str, params: Message | None = None) -> Message:
        """The result of a command to the page.

        Raises:
            BrowserGone: the browser or the page's process ended.
            CommandRefused: the browser answered with an error.
        """
        if self.crashed is not None:
            frame = self._playhead.frame
            raise BrowserGone(f"{f'frame {frame}' if frame >= 0 else 'loading'}: {self.crashed}")
        return await self.connection.send(method, params, self._number)

    async def command_with_body(self, method: str, params: Message, body: Iterable[bytes]) -> Message:
        """As `command`, with a parameter `body` that may be too large to hold. body: pieces of its base64.

        Raises:
            BrowserGone: the browser or the page's process ended.
            CommandRefused: the browser answered with an error.
        """
        return await self.connection.post(method, params, self._number, body=body)

    def post(self, method: str, params: Message | None = None) -> None:
        """Sends a command whose result nobody waits for."""
        self.connection.post(method, params, self._number)

    async def handle(self, expression: str, realm: Realm = PAGE) -> str:
        """The ID of the object that an expression comes to, for call().

        Raises:
            CommandRefused: the realm has ended.
            HeliosError: the expression threw, or came to no object.
        """
        params: Message = {"expression": expression}
        if realm.context is not None:
            params["contextId"] = realm.context
        reply = await self._answer("Runtime.evaluate", params, realm)
        handle = reply["result"].get("objectId")
        if handle is None:
            raise HeliosError(f"frame {self._playhead.frame}: the page has no clock")
        return str(handle)

    async def call(self, handle: str, method: str, *args: object, realm: Realm = PAGE) -> Any:
        """The JSON value of what an object's method returns, or of its promise. At most four arguments, JSON values.

        Raises:
            CommandRefused: the realm has ended.
            HeliosError: the method threw.
        """
        params: Message = {
            "objectId": handle,
            # No spread: it asks the page's arrays how.
            "functionDeclaration": f"function(a,b,c,d){{'use strict';return this.{method}(a,b,c,d)}}",
            "arguments": [{"value": arg} for arg in args],
            "awaitPromise": True,
            "returnByValue": True,
        }
        return (await self._answer("Runtime.callFunctionOn", params, realm))["result"].get("value")

    async def _answer(self, method: str, params: Message, realm: Realm) -> Message:
        reply = await self.connection.send(method, params, realm.session or self._number)
        if "exceptionDetails" in reply:
            thrown = exception_text(reply["exceptionDetails"])
            raise HeliosError(f"frame {self._playhead.frame}: the clock threw {thrown}")
        return reply

    async def briefly(self, answer: Awaitable[T]) -> T | None:
        """An answer that a healthy browser gives at once; None where it does not, or refuses."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await answer
        except (TimeoutError, HeliosError):
            return None

    async def close(self) -> None:
        """Closes the page, and with it all that it stored and opened. A browser that has ended is not an error."""
        self.connection.forget(self._number)
        with contextlib.suppress(BrowserGone, CommandRefused):
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self.connection.send("Target.disposeBrowserContext", {"browserContextId": self._context})
            except TimeoutError:
                self.connection.close(SILENT)
