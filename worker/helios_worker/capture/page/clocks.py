"""Moves the virtual clocks of a page's realms in step.

The clock itself is a script in each realm (`clock/`). When a clock needs something from outside (a file, another realm,
the compositor), its reply says so. The clock stands still until `Clocks` has done it.
"""

import math
import secrets
from bisect import bisect_right

from helios_worker.capture.devtools.cdp import CommandRefused, Message
from helios_worker.capture.devtools.compositor import Compositor
from helios_worker.capture.devtools.idleness import is_at_rest
from helios_worker.capture.devtools.session import PAGE, Realm
from helios_worker.capture.faults import PageError
from helios_worker.capture.messages import plain
from helios_worker.capture.page.clock_handles import ClockHandles
from helios_worker.capture.page.closed_roots import ClosedRoots
from helios_worker.capture.page.network import Network
from helios_worker.capture.page.realms import Realms
from helios_worker.capture.playhead import Playhead, instant_ms
from helios_worker.errors import HeliosError

FIRST_ROUNDS = 10
# What a worker or a frame takes to begin, on the loading time: one that begins again and again must not stop that.
BIRTH_MS = 1.0


class Clocks:
    """The clocks of one page, of its workers and of its frames of other origins. process: the browser's."""

    def __init__(
        self,
        handles: ClockHandles,
        playhead: Playhead,
        network: Network,
        realms: Realms,
        compositor: Compositor,
        roots: ClosedRoots,
        process: int,
    ) -> None:
        self._handles = handles
        self._playhead = playhead
        self._network = network
        self._realms = realms
        self._compositor = compositor
        self._roots = roots
        self._process = process
        self._seen = 0  # number of requests whose answers the page has processed
        self._sent: dict[Realm, int] = {}  # messages that each other realm has sent
        self._heard = 0  # number of ended realms whose last messages have arrived
        self._posted = 0  # messages that the page has sent to other realms
        self._loading = 0.0  # how far the loading time has come
        self._joined: dict[Realm, float] = {}  # where on it the time of each other realm began
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

    @property
    def are_alone(self) -> bool:
        """Whether the page's clock has no others to move along, so that it can pass over frames by itself."""
        return not self._realms.others()

    async def pass_to(self, frame: int) -> None:
        """Moves the page's clock and the playhead from frame to frame, up to one.

        They stop where there are other clocks from then on. What a picture would have been checked for is not.
        """
        first, fps = self._playhead.frame + 1, self._playhead.fps
        times = [instant_ms(each, fps) for each in range(first, frame + 1)]
        await self._drive("pass", times, first)
        self._playhead.move(first + bisect_right(times, self._playhead.clock_ms) - 1)
        await self._begin_others()
        await self._arrive()

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
        # A request that no clock has noticed (a background, import()) may have been answered meanwhile.
        if self._network.unanswered_count or self._realms.is_arriving or self._network.seen != self._seen:
            await self.rest()

    async def rest(self) -> None:
        """Waits until no request is unanswered and the page has processed all answers."""
        while True:
            await self._arrivals()
            await self._begin_others()
            seen = self._network.seen
            await self._drive("settle")
            await self._exchange()
            self._seen = seen
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
        posted: dict[Realm, int] = {}  # by each realm, so that one that ends hides no message of another
        while (others := self._realms.others()) or self._heard != self._realms.gone:
            before, posted = posted, {}
            gone = self._realms.gone
            for realm in (*others, PAGE):
                if reply := await self._drive("settle", realm=realm):
                    posted[realm] = reply["posted"]
            self._heard = gone
            if posted == before and gone == self._realms.gone:
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
                if realm is not PAGE:
                    self._sent[realm] = reply["posted"]
                return reply
            step, args = "resume", (await self._grant(reply, realm),)

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

    async def _grant(self, wish: Message, realm: Realm) -> bool | float | None:
        """Does what a realm's clock asks for while it stands still; returns the answer."""
        kind = wish["kind"]
        if kind == "rest":
            await self._arrivals()
            self._seen = self._network.seen
            await self._begin_others()
            return realm is PAGE and bool(self._realms.others())  # only the page's clock moves others
        if kind == "others":
            before = self._correspondence
            due = await self._earliest("peek")
            if self._correspondence != before:
                return None  # the page hears of it before time moves on
            until = float(wish["until"])
            return until if due is None else min(until, due)
        if kind == "walk":
            return await self._earliest("walk", float(wish["until"]))
        if kind == "load":
            return await self._load(wish["until"], float(wish["loading"]))
        if kind == "idle":
            return await self._is_at_rest()
        if kind == "roots":
            wanted = int(wish["until"])
            await self._roots.hand_over(parts=bool(wanted & 1), copies=bool(wanted & 2))
            return None
        return await self._compositor.update(display=kind != "update")

    async def _load(self, until: float | None, loading: float) -> bool:
        """Has the other realms go on while the page waits for its own ready promise.

        until: when the page's next timer is due on its loading time. loading: how far that has come. Returns whether a
        timer elsewhere was due before that, and fired.
        """
        await self._begin_others()
        self._loading = max(self._loading, loading)
        limit, fired = math.inf if until is None else float(until), False
        replies = {other: await self._drive("load", False, realm=other) for other in self._realms.others()}
        for other in replies:
            self._joined.setdefault(other, self._loading + BIRTH_MS)
        while True:
            dues = [
                (self._joined[other] + float(each["due"]), other)
                for other, each in replies.items()
                if each and each["due"] is not None
            ]
            due, first = min(dues, key=lambda found: found[0], default=(math.inf, PAGE))
            if due >= limit:
                return fired
            self._loading = max(self._loading, due)
            before, reply = replies[first], await self._drive("load", True, realm=first)
            replies[first], fired = reply, True
            # The page hears a message before anything else happens.
            if until is None or reply is None or before is None or reply["posted"] != before["posted"]:
                return True

    async def _is_at_rest(self) -> bool:
        """Whether nothing that a page waits for can still come while its clocks stand still."""
        if not self._network.is_quiet:
            await self._arrivals()
            return False
        return await is_at_rest(self._process)

    async def _earliest(self, step: str, until: float | None = None) -> float | None:
        """Runs a step in all other realms, up to a time. When their first timer is due then; None where there is none.

        What they send each other on the way belongs to that time, too, and so do the workers that they make.
        Times are the page's here, and in each realm that realm's own.
        """
        dues: dict[Realm, float] = {}
        await self._begin_others()
        turn = self._realms.others()
        while turn:
            letters, gone = self._correspondence
            for other in turn:
                start = self._starts.get(other, 0.0)
                args = () if until is None else (until - start,)
                again = other in dues
                reply = await self._drive("peek" if again else step, *(() if again else args), realm=other)
                dues[other] = start + float(reply["due"]) if reply and reply["due"] is not None else math.inf
            await self._begin_others()
            others = self._realms.others()
            # The letters of a single one are for the page.
            written = gone != self._realms.gone or (letters != self._letters and len(others) > 1)
            turn = others if written else [other for other in others if other not in dues]
        first = min(dues.values(), default=math.inf)
        return None if first == math.inf else first

    @property
    def _letters(self) -> int:
        """How many messages the other realms have sent."""
        return sum(self._sent.values())

    @property
    def _correspondence(self) -> tuple[int, int]:
        """Changes whenever another realm sends a message, or ends, which may have sent one before."""
        return self._letters, self._realms.gone


def _tampered(playhead: Playhead) -> PageError:
    return PageError(
        f"frame {playhead.frame}: one of the page's scripts interferes with the page's clock",
        remedy="remove the script that redefines what browsers bring along",
    )
