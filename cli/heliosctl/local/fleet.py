"""Several targets as one: chunks go to the first that has room, and what a target does wrong is not held against them.

A plan and a stitch stay on this machine. A target that is full is asked for less and later, one that loses worker
after worker is rested, and one that cannot be used is left out, since somebody waits: all of that is said once.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from helios_adapters import (
    EVERYBODY,
    Call,
    CloudAdapter,
    Health,
    NoCapacity,
    TargetError,
    TargetHealth,
    Unusable,
)
from helios_crds.wire import ExitCode, Payload, Reply, Stage
from helios_worker.errors import UserError
from heliosctl.terminal.progress import Listener

SHUNNED_AFTER = 2
OWNER = "heliosctl"
"""Whose renders these are, to the targets' health: all are one user's."""


class Invokes(Protocol):
    """What runs the plan and the stitch."""

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
class Target:
    """A target. slots: chunks at once, at most. active: at present."""

    name: str
    adapter: CloudAdapter[Any]
    slots: int
    is_local: bool = False
    active: int = 0


def steady_clock() -> Callable[[], datetime]:
    """A clock that is right at first, and never set."""
    started, at = datetime.now(UTC), time.monotonic()
    return lambda: started + timedelta(seconds=time.monotonic() - at)


def choose(targets: Sequence[str], free: Mapping[str, int], failed: Mapping[str, int]) -> str | None:
    """The target for a chunk; None if it has to wait.

    targets: that can be used, in order of preference. free: how many more chunks each takes now. failed: how often this
    chunk failed there. It goes elsewhere first if it can, and after SHUNNED_AFTER failures nowhere but elsewhere, while
    there is an elsewhere.
    """
    trusted = [name for name in targets if failed.get(name, 0) < SHUNNED_AFTER] or targets
    return min((name for name in trusted if free[name]), key=lambda name: min(failed.get(name, 0), 1), default=None)


class Fleet:
    """Invokes chunks at targets, and everything else at home."""

    def __init__(
        self,
        targets: Sequence[Target],
        home: Invokes,
        listener: Listener,
        *,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._targets = {target.name: target for target in targets}
        self._home = home
        self._listener = listener
        self._clock = clock or steady_clock()
        self._health = TargetHealth(self._clock, self._say_change)
        self._failed: dict[int, dict[str, int]] = {}
        self._full: set[str] = set()
        self._left_out: dict[str, str] = {}
        self._changed = asyncio.Event()

    @property
    def slots(self) -> int:
        """Chunks at once, all targets together."""
        return max(1, sum(target.slots for target in self._usable()))

    @property
    def left_out(self) -> list[str]:
        """Targets that nobody is sent to any more, and why."""
        return [f"{name}: {self._left_out[name]}" for name in self._targets if name in self._left_out]

    async def invoke(self, payload: Payload) -> Reply:
        """One stage, wherever there is room. A worker that was lost is a reply.

        Raises:
            NoTargetLeft: no target can be used.
        """
        if payload.stage is not Stage.CHUNK:
            return await self._home.invoke(payload)
        while True:
            target = await self._next_target(payload.chunkIndex)
            reply = await self._try(target, payload)
            if reply is not None:
                return reply

    def leave_out(self, name: str, why: str) -> None:
        """Nobody is sent there any more."""
        self._health.unusable(name, why)

    def _usable(self) -> list[Target]:
        return [target for target in self._targets.values() if target.name not in self._left_out]

    async def _next_target(self, chunk: int) -> Target:
        while True:
            usable = self._usable()
            if not usable:
                raise NoTargetLeft(self.left_out)
            free = {target.name: self._capacity(target) for target in usable}
            name = choose(list(free), free, self._failed.get(chunk, {}))
            if name is not None:
                self._targets[name].active += 1
                return self._targets[name]
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(self._pauses(free), default=None)):
                    await self._changed.wait()

    def _capacity(self, target: Target) -> int:
        free = max(0, target.slots - target.active)
        return self._health.capacity(target.name, OWNER, free, target.active, target.active)

    def _pauses(self, names: Iterable[str]) -> Iterator[float]:
        """Seconds until each target that is left alone is so no longer."""
        now = self._clock()
        for name in names:
            ends = [self._health.of(name, owner).until or now for owner in (EVERYBODY, OWNER)]
            if max(ends) > now:
                yield (max(ends) - now).total_seconds()

    async def _try(self, target: Target, payload: Payload) -> Reply | None:
        """What a target made of it; None if it was not tried."""
        answer: Reply | TargetError
        try:
            answer = await target.adapter.invoke(payload)
        except TargetError as error:
            answer = error
        finally:
            target.active -= 1
            self._changed.set()
        if isinstance(answer, Reply) and not target.is_local and (answer.result or {}).get("error") == "OtherEngine":
            answer = Unusable(answer.stderr, where=target.name)
            self.leave_out(target.name, answer.message)
            return None
        if isinstance(answer, NoCapacity) and target.name not in self._full:
            self._full.add(target.name)
            self._listener.say(f"{target.name} is full: {answer.message}; it gets fewer at once for a while")
        call = Call(target.name, OWNER, str(payload.chunkIndex))
        reply = self._health.record_answer(call, answer, others=target.active).reply
        if reply is not None:
            self._note(target, payload.chunkIndex, reply)
        return reply

    def _note(self, target: Target, chunk: int, reply: Reply) -> None:
        frames = (reply.result or {}).get("frames")
        if reply.exitCode == ExitCode.DONE:
            if not target.is_local and isinstance(frames, int):
                self._listener.frames(chunk, frames)  # a worker of this machine tells it by itself
        elif reply.exitCode != ExitCode.USER_ERROR:
            failed = self._failed.setdefault(chunk, {})
            failed[target.name] = failed.get(target.name, 0) + 1

    def _say_change(self, name: str, owner: str, before: Health, after: Health) -> None:
        now = self._clock()
        if after.is_unusable and name not in self._left_out:
            self._left_out[name] = after.why  # the operator looks again after a rest; here somebody waits
            self._listener.say(f"{name} is left out: {after.why}")
        elif after.is_resting(now) and not before.is_resting(now):
            self._listener.say(f"{name} is rested for a while: {after.why}")
        self._changed.set()
