"""Moves the virtual clocks of a page's realms in step.

The clock itself is a script in each realm (`clock/`). When a clock needs something from outside (a file, another realm,
the compositor), its reply says so. The clock stands still until `Clocks` has done it.
"""

from typing import Any

import orjson

from helios_worker.capture.devtools.cdp import CommandRefused, Message
from helios_worker.capture.devtools.compositor import Compositor
from helios_worker.capture.devtools.session import PAGE, Realm, Session
from helios_worker.capture.messages import plain
from helios_worker.capture.page.network import Network
from helios_worker.capture.page.realms import Realms
from helios_worker.capture.playhead import Playhead
from helios_worker.errors import HeliosError

SETTLE_ROUNDS = 50


class Clocks:
    """The clocks of one page, of its workers and of its frames of other origins."""

    def __init__(
        self, session: Session, playhead: Playhead, network: Network, realms: Realms, compositor: Compositor
    ) -> None:
        self._session = session
        self._playhead = playhead
        self._network = network
        self._realms = realms
        self._compositor = compositor
        self._begun: set[Realm] = set()

    async def begin(self) -> None:
        """Starts the page's clock, once it has loaded."""
        await self._drive("__heliosClock.begin()")
        await self.rest()

    async def advance(self) -> None:
        """Moves all clocks to the playhead. The page's clock goes first and moves the others while its timers fire."""
        advance = f"__heliosClock.advance({self._playhead.frame_ms!r},{self._playhead.frame}"
        await self._begin_others()
        await self._drive(f"{advance},{_js(bool(self._realms.others()))})")
        await self._begin_others()
        for other in self._realms.others():
            await self._drive(f"{advance},false)", other)
        await self._exchange()
        if self._network.is_pending or self._realms.is_arriving:
            await self.rest()

    async def rest(self) -> None:
        """Waits until no request is unanswered and the page has processed all answers."""
        for _ in range(SETTLE_ROUNDS):
            await self._arrivals()
            await self._begin_others()
            seen = self._network.seen
            await self._drive("__heliosClock.settle()")
            await self._exchange()
            if self._network.is_quiet and not self._realms.awaited and seen == self._network.seen:
                return

    async def _begin_others(self) -> None:
        for other in self._realms.others():
            if other not in self._begun:
                self._begun.add(other)
                await self._drive("__heliosClock.begin()", other)

    async def _exchange(self) -> None:
        """Waits until no message is in transit between the page, its workers and its frames of other origins."""
        posted = -1
        for _ in range(SETTLE_ROUNDS):
            others = self._realms.others()
            if not others:
                return
            replies = [await self._drive("__heliosClock.settle()", realm) for realm in (*others, PAGE)]
            before, posted = posted, sum(reply["posted"] for reply in replies if reply)
            if posted == before:
                return

    async def _arrivals(self) -> None:
        """Waits until no request is unanswered and every new worker has its clock."""
        while True:
            await self._network.quiet()
            if not await self._realms.arrive() and self._network.is_quiet:
                return

    async def _drive(self, expression: str, realm: Realm = PAGE) -> Message | None:
        """Runs a step of a clock, and what the clock asks for meanwhile. None where its realm has ended."""
        while True:
            reply = await self._evaluate(expression, realm)
            if reply is None:
                return None
            if reply["state"] == "error":
                raise HeliosError(f"frame {self._playhead.frame}: the clock failed: {plain(reply['message'])}")
            self._realms.note_made(realm, reply["workers"])
            if realm is PAGE:
                self._playhead.clock_ms = reply["now"]
            if reply["state"] == "ready":
                return reply
            expression = f"__heliosClock.resume({_js(await self._grant(reply))})"

    async def _evaluate(self, expression: str, realm: Realm) -> Message | None:
        try:
            reply: Message | None = await self._session.evaluate(expression, realm)
        except CommandRefused:
            # A worker or frame may end at any time. The page itself may not.
            if realm is PAGE:
                raise
            self._realms.drop(realm)
            return None
        return reply

    async def _grant(self, wish: Message) -> bool | float | None:
        """Does what a clock asks for while it stands still; returns the answer."""
        kind = wish["kind"]
        if kind == "rest":
            await self._arrivals()
            await self._begin_others()
            return bool(self._realms.others())
        if kind == "others":
            due = await self._earliest("__heliosClock.peek()")
            until = float(wish["until"])
            return until if due is None else min(until, due)
        if kind == "walk":
            return await self._earliest(f"__heliosClock.walk({wish['until']!r})")
        return await self._compositor.update(display=kind != "update")

    async def _earliest(self, expression: str) -> float | None:
        """Runs a step in all other realms. When their first timer is due then; None where there is no timer."""
        replies = [await self._drive(expression, other) for other in self._realms.others()]
        return min((float(reply["due"]) for reply in replies if reply and reply["due"] is not None), default=None)


def _js(value: Any) -> str:
    return orjson.dumps(value).decode()
