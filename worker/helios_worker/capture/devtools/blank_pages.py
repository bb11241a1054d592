"""Blank pages of one browser. A page that is expected can be opened ahead: its process takes 60 ms to start."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from helios_worker.capture.devtools.cdp import Connection
from helios_worker.errors import HeliosError


@dataclass(frozen=True)
class BlankPage:
    """A blank page that draws only on command. context, target, session: as the DevTools protocol names them."""

    context: str
    target: str
    session: str


class BlankPages:
    """Opens blank pages. At most one is open ahead."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ahead: tuple[tuple[int, int], asyncio.Task[BlankPage]] | None = None

    def expect(self, width: int, height: int) -> None:
        """Opens the next page of this size now, without waiting for it."""
        if self._ahead is None:
            task = asyncio.create_task(self._open(width, height))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # said to whoever takes it
            self._ahead = (width, height), task

    async def take(self, width: int, height: int) -> BlankPage:
        """A blank page of this size.

        Raises:
            BrowserGone: the browser has ended.
        """
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            size, opening = ahead
            with suppress(HeliosError):
                page = await opening
                if size == (width, height):
                    return page
                self._close(page.context)
        return await self._open(width, height)

    def _close(self, context: str) -> None:
        self._connection.post("Target.disposeBrowserContext", {"browserContextId": context})

    async def _open(self, width: int, height: int) -> BlankPage:
        """A new page, alone in a browser context.

        Nothing that another page left is there, and what it leaves goes with it. This is the only place that decides
        how pages are kept apart (docs/decisions/0024).
        """
        send = self._connection.send
        context: str = (await send("Target.createBrowserContext"))["browserContextId"]
        self._connection.post("Browser.setDownloadBehavior", {"behavior": "deny", "browserContextId": context})
        size = {"width": width, "height": height}
        blank = {"url": "about:blank", "enableBeginFrameControl": True, "browserContextId": context}
        try:
            target = (await send("Target.createTarget", {**blank, **size}))["targetId"]
            attached = await send("Target.attachToTarget", {"targetId": target, "flatten": True})
        except BaseException:
            self._close(context)
            raise
        return BlankPage(context, target, attached["sessionId"])
