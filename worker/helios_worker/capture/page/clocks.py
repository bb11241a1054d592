"""Moves the virtual clocks of a page's realms in step.

The clock itself is a script in each realm (`clock/`). When a clock needs something from outside (a file, another realm,
the compositor), its reply says so. The clock stands still until `Clocks` has done it.
"""

import math
import secrets

from helios_worker.capture.devtools.cdp import CommandRefused, Message
from helios_worker.capture.devtools.compositor import Compositor
from helios_worker.capture.devtools.session import PAGE, Realm
from helios_worker.capture.faults import PageError
from helios_worker.capture.messages import plain
from helios_worker.capture.page.clock_handles import ClockHandles
from helios_worker.capture.page.closed_roots import ClosedRoots
from helios_worker.capture.page.network import Network
from helios_worker.capture.page.realms import Realms
from helios_worker.capture.playhead import Playhead
from helios_worker.errors import HeliosError

SETTLE_ROUNDS = 50
FIRST_ROUNDS = 10


class Clocks:
    """The clocks of one page, of its workers and of its frames of other origins."""

    def __init__(
        self,
        handles: ClockHandles,
        playhead: Playhead,
        network: Network,
        realms: Realms,
        compositor: Compositor,
        roots: ClosedRoots,
    ) -> None:
        self._handles = handles
        self._playhead = playhead
        self._network = network
        self._realms = realms
        self._compositor = compositor
        self._roots = roots
        self._posted = 0  # messages that the page has sent to other realms
        self._linked = 0  # programs for WebGL that it has made
        self._starts: dict[Realm, float] = {}  # when the time of each other realm began, by the page's clock

    async def begin(self) -> None:
        """Starts the page's clock, once it has loaded."""
        self._handles.forget(PAGE)  # of the blank page, or of a document on the way to this one
        await self._drive("begin")
        await self.rest()

    async def advance(self) -> None:
        """Moves all clocks to the playhead. The page's clock goes first and moves the others while its timers fire."""
        target = (self._playhead.frame_ms, self._playhead.frame)
        before = self._begun
        await self._begin_others()
        await self._drive("advance", *target, bool(self._realms.others()))
        if self._playhead.clock_ms != self._playhead.frame_ms:
            raise _tampered(self._playhead)
        await self._begin_others()
        for other in self._realms.others():
            await self._drive("advance", target[0] - self._starts[other], target[1], False, realm=other)
        await self._arrive()
        if self._playhead.frame == 0:
            await self._draw_first(before)

    async def _draw_first(self, before: tuple[int, int, int]) -> None:
        """More animation frames at frame 0's time, for a page whose first one only begins to load what it will draw.

        Such are maps and 3D engines: they ask for styles, tiles and shaders in one animation frame after the other, and
        draw with a program in the frame after the one that made it.
        before: what the page had begun before its first animation frame.
        """
        if self._begun == before or not await self._handles.call("isBlank"):
            return
        for _ in range(FIRST_ROUNDS):
            before = self._begun
            await self._drive("again")
            await self._arrive()
            if self._begun == before:
                return

    @property
    def _begun(self) -> tuple[int, int, int]:
        """How many requests, messages to other realms and programs for WebGL the page has made so far."""
        return self._network.seen, self._posted, self._linked

    async def _arrive(self) -> None:
        await self._exchange()
        if self._network.is_pending or self._realms.is_arriving:
            await self.rest()

    async def rest(self) -> None:
        """Waits until no request is unanswered and the page has processed all answers."""
        for _ in range(SETTLE_ROUNDS):
            await self._arrivals()
            await self._begin_others()
            seen = self._network.seen
            await self._drive("settle")
            await self._exchange()
            if self._network.is_quiet and not self._realms.awaited and seen == self._network.seen:
                return

    async def _begin_others(self) -> None:
        for other in self._realms.others():
            if other not in self._starts:
                # A worker is told its time as it is made. A frame's begins here, for the browser tells of it too late.
                start = self._starts[other] = 0.0 if other.session else self._playhead.clock_ms
                await self._drive("begin", start, realm=other)

    async def _exchange(self) -> None:
        """Waits until no message is in transit between the page, its workers and its frames of other origins."""
        posted = -1
        for _ in range(SETTLE_ROUNDS):
            others = self._realms.others()
            if not others:
                return
            replies = [await self._drive("settle", realm=realm) for realm in (*others, PAGE)]
            before, posted = posted, sum(reply["posted"] for reply in replies if reply)
            if posted == before:
                return

    async def _arrivals(self) -> None:
        """Waits until no request is unanswered and every new worker has its clock."""
        while True:
            await self._network.quiet()
            if not await self._realms.arrive() and self._network.is_quiet:
                return

    async def _drive(self, step: str, *args: object, realm: Realm = PAGE) -> Message | None:
        """Runs a step of a clock, and what the clock asks for meanwhile. None where its realm has ended."""
        while True:
            reply = await self._request(step, args, realm)
            if reply is None:
                return None
            if reply["state"] == "error":
                raise HeliosError(f"frame {self._playhead.frame}: the clock failed: {plain(reply['message'])}")
            self._realms.note_made(realm, reply["workers"])
            if realm is PAGE:
                self._playhead.clock_ms = reply["now"]
                self._posted = reply.get("posted", self._posted)
                self._linked = reply.get("linked", self._linked)
            if reply["state"] == "ready":
                return reply
            step, args = "resume", (await self._grant(reply),)

    async def _request(self, step: str, args: tuple[object, ...], realm: Realm) -> Message | None:
        """The clock's reply to one request. It has to repeat the number that the request got by chance."""
        number = secrets.randbits(32)
        try:
            reply = await self._handles.call(step, number, *args, realm=realm)
        except CommandRefused:
            # A worker or frame may end at any time. The page itself may not.
            if realm is PAGE:
                raise
            self._realms.drop(realm)
            self._handles.forget(realm)
            return None
        if not isinstance(reply, dict) or reply.get("request") != number:
            raise _tampered(self._playhead)
        return reply

    async def _grant(self, wish: Message) -> bool | float | None:
        """Does what a clock asks for while it stands still; returns the answer."""
        kind = wish["kind"]
        if kind == "rest":
            await self._arrivals()
            await self._begin_others()
            return bool(self._realms.others())
        if kind == "others":
            due = await self._earliest("peek")
            until = float(wish["until"])
            return until if due is None else min(until, due)
        if kind == "walk":
            return await self._earliest("walk", float(wish["until"]))
        if kind == "roots":
            wanted = int(wish["until"])
            await self._roots.hand_over(parts=bool(wanted & 1), copies=bool(wanted & 2))
            return None
        return await self._compositor.update(display=kind != "update")

    async def _earliest(self, step: str, until: float | None = None) -> float | None:
        """Runs a step in all other realms, up to a time. When their first timer is due then; None where there is none.

        Times are the page's here, and in each realm that realm's own.
        """
        await self._begin_others()
        first = math.inf
        for other in self._realms.others():
            start = self._starts.get(other, 0.0)
            reply = await self._drive(step, *(() if until is None else (until - start,)), realm=other)
            if reply and reply["due"] is not None:
                first = min(first, start + float(reply["due"]))
        return None if first == math.inf else first


def _tampered(playhead: Playhead) -> PageError:
    return PageError(
        f"frame {playhead.frame}: one of the page's scripts interferes with the page's clock",
        remedy="remove the script that redefines what browsers bring along",
    )
