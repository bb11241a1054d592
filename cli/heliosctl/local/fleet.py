"""Several targets as one: chunks go to the first that has room, and what a target does wrong is not held against them.

A plan and a stitch stay on this machine. A target that is full is asked for less and later, one that loses worker
after worker is rested, and one that cannot be used is left out; all of that is said once.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from helios_adapters.errors import BadAnswer, NoRoom, TargetError, Unusable, WorkerLost, as_reply
from helios_crds.wire import ExitCode, Payload, Reply, Stage
from helios_worker.errors import UserError
from heliosctl.terminal.progress import Listener

FULL_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
LOST_IN_A_ROW = 3
LOST_SECONDS = (10.0, 30.0, 120.0)
SHUNNED_AFTER = 2


class Invokes(Protocol):
    """What a target needs of an adapter."""

    async def invoke(self, payload: Payload) -> Reply:
        """Has a worker do one stage."""
        ...


class NoTargetLeft(UserError):
    """Every target was left out."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(
            "no target is left to render on:\n" + "\n".join(f"  {reason}" for reason in reasons),
            remedy="what is rendered is kept; mend one of them, or add local to --target, and run the same command "
            "again",
        )


@dataclass(eq=False)
class Place:
    """A target and how it fares.

    slots: chunks at once, at most; limit: and at present. rests_until: by the fleet's clock. left_out: why nobody is
    sent there any more. full, lost: how often in a row.
    """

    name: str
    adapter: Invokes
    slots: int
    is_local: bool = False
    active: int = 0
    limit: int = 0
    rests_until: float = 0.0
    left_out: str | None = None
    full: int = 0
    lost: int = 0
    told: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.limit = self.limit or self.slots

    def did_well(self) -> None:
        """Something came back, so there may be room for one more."""
        self.full = self.lost = 0
        self.limit = min(self.slots, self.limit + 1)

    def was_full(self, now: float, retry_after: float | None, jitter: float) -> None:
        """It refused one of those that are active: the others are the limit for now. jitter: 0 to 1."""
        pause = (
            FULL_SECONDS[min(self.full, len(FULL_SECONDS) - 1)] * (1 + jitter) if retry_after is None else retry_after
        )
        self.full += 1
        self.limit = max(1, min(self.limit, self.active - 1))
        self.rests_until = max(self.rests_until, now + pause)

    def lost_one(self, now: float) -> bool:
        """It lost a worker. Returns whether it rests now, for losing so many one after the other."""
        self.lost += 1
        if self.lost < LOST_IN_A_ROW or self.rests_until > now:
            return False
        turn = (self.lost - LOST_IN_A_ROW) // LOST_IN_A_ROW
        self.rests_until = now + LOST_SECONDS[min(turn, len(LOST_SECONDS) - 1)]
        return True


def choose(places: Sequence[Place], failed: Mapping[str, int], now: float) -> Place | None:
    """The place for a chunk; None if it has to wait.

    failed: how often this chunk failed at a place, by its name. It goes elsewhere first if it can, and after
    SHUNNED_AFTER failures nowhere but elsewhere, while there is an elsewhere.
    """
    usable = [place for place in places if place.left_out is None]
    trusted = [place for place in usable if failed.get(place.name, 0) < SHUNNED_AFTER] or usable
    free = [place for place in trusted if place.active < place.limit and place.rests_until <= now]
    return min(free, key=lambda place: min(failed.get(place.name, 0), 1), default=None)


class Fleet:
    """Invokes chunks at places, and everything else at home. Its clock is the event loop's kind: seconds, monotonic."""

    def __init__(
        self,
        places: Sequence[Place],
        home: Invokes,
        listener: Listener,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._places = places
        self._home = home
        self._listener = listener
        self._clock = clock
        self._failed: dict[int, dict[str, int]] = {}
        self._changed = asyncio.Event()

    @property
    def slots(self) -> int:
        """Chunks at once, all places together."""
        return max(1, sum(place.slots for place in self._places if place.left_out is None))

    async def invoke(self, payload: Payload) -> Reply:
        """One stage, wherever there is room. A worker that was lost is a reply.

        Raises:
            NoTargetLeft: no target can be used.
        """
        if payload.stage is not Stage.CHUNK:
            return await self._home.invoke(payload)
        while True:
            place = await self._next_place(payload.chunkIndex)
            reply = await self._try(place, payload)
            if reply is not None:
                return reply

    def leave_out(self, place: Place, why: str) -> None:
        """Nobody is sent there any more."""
        if place.left_out is None:
            place.left_out = why
            self._listener.say(f"{place.name} is left out: {why}")

    async def _next_place(self, chunk: int) -> Place:
        while True:
            now = self._clock()
            place = choose(self._places, self._failed.get(chunk, {}), now)
            if place is not None:
                place.active += 1
                return place
            usable = [each for each in self._places if each.left_out is None]
            if not usable:
                raise NoTargetLeft([f"{each.name}: {each.left_out}" for each in self._places])
            self._changed.clear()
            pauses = [each.rests_until - now for each in usable if each.rests_until > now]
            with suppress(TimeoutError):
                async with asyncio.timeout(min(pauses, default=None)):
                    await self._changed.wait()

    async def _try(self, place: Place, payload: Payload) -> Reply | None:
        """What a place made of it; None if it was not tried."""
        try:
            reply = await place.adapter.invoke(payload)
        except NoRoom as error:
            place.was_full(self._clock(), error.retry_after, random.random())
            self._say_once(place, "full", f"{place.name} is full: {error.message}; it gets fewer at once for a while")
            return None
        except Unusable as error:
            self.leave_out(place, str(error))
            return None
        except (WorkerLost, BadAnswer) as error:
            self._note_failure(place, payload, error)
            return as_reply(error)
        else:
            return self._judged(place, payload, reply)
        finally:
            place.active -= 1
            self._changed.set()

    def _judged(self, place: Place, payload: Payload, reply: Reply) -> Reply | None:
        result = reply.result or {}
        if reply.exitCode == ExitCode.DONE:
            place.did_well()
            if not place.is_local and isinstance(frames := result.get("frames"), int):
                self._listener.frames(payload.chunkIndex, frames)  # a worker of this machine tells it by itself
        elif result.get("error") == "OtherEngine" and not place.is_local:
            self.leave_out(place, reply.stderr)
            return None
        elif reply.exitCode != ExitCode.USER_ERROR:
            self._note_failure(place, payload)
        return reply

    def _note_failure(self, place: Place, payload: Payload, error: TargetError | None = None) -> None:
        failed = self._failed.setdefault(payload.chunkIndex, {})
        failed[place.name] = failed.get(place.name, 0) + 1
        if error is not None and place.lost_one(self._clock()):
            self._listener.say(f"{place.name} lost {place.lost} workers in a row and is rested for a while: {error}")

    def _say_once(self, place: Place, what: str, line: str) -> None:
        if what not in place.told:
            place.told.add(what)
            self._listener.say(line)
