"""The targets of one command: what each takes now, what is asked of it, and which are left out.

How a target is follows from its answers as for the operator (`helios_adapters.TargetHealth`), and which chunk goes
where is decided with the operator's code (`local.chunks`). Two things differ, because somebody waits: a target that
cannot be used is left out instead of being tried again after a rest, and so is one that has rested REST_LIMIT times
without a chunk being done. Workers on this machine are like the pods of a cluster: they are always asked.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from helios_adapters import (
    EVERYBODY,
    Call,
    CloudAdapter,
    Health,
    NoCapacity,
    TargetError,
    TargetHealth,
    Verdict,
)
from helios_crds.remedies import in_flags, message_and_remedy
from helios_crds.text import one_line
from helios_crds.wire import HEADERS_MISSING, ExitCode, Payload, Reply
from helios_worker.errors import UserError
from heliosctl.arguments.targets import Destination
from heliosctl.local.workers import LocalWorkers
from heliosctl.terminal.progress import Listener

if TYPE_CHECKING:
    from helios_operator.model.observation import TargetCapacity

OWNER = "heliosctl"
"""Whose renders these are, to the targets' health: all are one user's."""
MAX_WHY = 600
"""Characters of a worker's reason that are shown."""
REST_LIMIT = 5
"""With the last of which a target is left out: no chunk was done there for two and a half minutes at least."""


class NoTargetLeft(UserError):
    """Every target was left out."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(
            "no target can be used any more:\n" + "\n".join(f"  {reason}" for reason in reasons),
            remedy="finished chunks are kept; fix a target or add local to --target, then run the same command again",
        )


@dataclass(eq=False)
class Target:
    """A target. slots: chunks at once, at most. active: calls under way, whether or not their result is awaited."""

    name: str
    adapter: CloudAdapter[Any]
    slots: int
    is_local: bool = False
    active: int = 0


def steady_clock() -> Callable[[], datetime]:
    """A clock that starts with the time of day and is never set."""
    started, at = datetime.now(UTC), time.monotonic()
    return lambda: started + timedelta(seconds=time.monotonic() - at)


class Fleet:
    """Targets in order of preference. home: what runs the plan and the stitch."""

    def __init__(
        self,
        targets: Sequence[Target],
        home: CloudAdapter[Any],
        listener: Listener,
        *,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.home = home
        self.now = clock or steady_clock()
        self._targets = {target.name: target for target in targets}
        self._listener = listener
        self._health = TargetHealth(self.now, self._health_changed)
        self._full: set[str] = set()
        self._left_out: dict[str, str] = {}

    @classmethod
    def of_one(cls, adapter: CloudAdapter[Any], slots: int, listener: Listener) -> "Fleet":
        """Workers of this machine alone."""
        return cls([Target("local", adapter, slots, is_local=True)], adapter, listener)

    @property
    def names(self) -> Sequence[str]:
        """The targets, in order of preference."""
        return list(self._targets)

    @property
    def slots(self) -> int:
        """Chunks at once, all targets together."""
        return sum(target.slots for target in self._targets.values())

    @property
    def is_local(self) -> bool:
        """Whether there are workers of this machine alone."""
        return all(target.is_local for target in self._targets.values())

    @property
    def left_out(self) -> list[str]:
        """Targets that nothing is sent to any more, and why."""
        return [f"{name}: {self._left_out[name]}" for name in self._targets if name in self._left_out]

    def check(self) -> None:
        """Passes while a target is left.

        Raises:
            NoTargetLeft: none is.
        """
        if len(self._left_out) == len(self._targets):
            raise NoTargetLeft(self.left_out)

    def leave_out(self, name: str, why: str) -> None:
        """Nothing is sent there any more."""
        self._health.unusable(name, why)

    def capacity(self) -> Mapping[str, "TargetCapacity"]:
        """What each target takes now."""
        from helios_operator.model.config import NO_LIMIT
        from helios_operator.model.observation import TargetCapacity

        resting = self._health.resting(OWNER)
        return {
            name: TargetCapacity(0, 0)
            if name in self._left_out
            else TargetCapacity(NO_LIMIT, self._free(target), resting.get(name, ""))
            for name, target in self._targets.items()
        }

    def pauses(self) -> Iterator[float]:
        """Seconds until each target that is left alone takes chunks again."""
        now = self.now()
        for name in self._targets.keys() - self._left_out.keys():
            end = max(self._health.of(name, owner).until or now for owner in (EVERYBODY, OWNER))
            if end > now:
                yield (end - now).total_seconds()

    async def invoke(self, name: str, payload: Payload, key: str, is_wanted: Callable[[], bool]) -> Verdict:
        """Has a target render a chunk. key: of the attempt. is_wanted: whether its result is still awaited."""
        target = self._targets[name]
        answer: Reply | TargetError
        target.active += 1
        try:
            answer = await target.adapter.invoke(payload, key)
        except TargetError as error:
            answer = error
        finally:
            target.active -= 1
        if target.is_local and isinstance(answer, Reply):
            return Verdict("done" if answer.exitCode == ExitCode.DONE else "failed", answer)
        if isinstance(answer, Reply):
            result = answer.result or {}
            if result.get("error") == HEADERS_MISSING:  # it is never given them; workers here are
                what, remedy = message_and_remedy(result, answer.stderr)
                self.leave_out(name, one_line(f"{what}; {in_flags(remedy)}", MAX_WHY))
                return Verdict("headers missing")
            if answer.exitCode == ExitCode.DONE and isinstance(frames := result.get("frames"), int):
                self._listener.frames(payload.chunkIndex, frames)  # workers of this machine tell of them by themselves
        if isinstance(answer, NoCapacity) and name not in self._full:
            self._full.add(name)
            self._listener.say(f"{name} is full: {answer.message}; sending it fewer chunks for a while")
        call = Call(name, OWNER, f"{payload.jobPath} {payload.chunkIndex}")
        return self._health.record_answer(call, answer, others=target.active, is_wanted=is_wanted())

    def cancel(self, name: str, key: str) -> None:
        """The result of an attempt is not awaited any more. What cannot be ended takes a slot until it is over."""
        self._targets[name].adapter.cancel(key)

    def _free(self, target: Target) -> int:
        free = max(0, target.slots - target.active)
        if target.is_local:
            return free
        return self._health.capacity(target.name, OWNER, free, target.active, target.active)

    def _health_changed(self, name: str, owner: str, before: Health, after: Health) -> None:
        if name not in self._left_out and (after.is_unusable or after.rests >= REST_LIMIT):
            self._left_out[name] = after.why
            self._listener.say(f"{name} is not used any more: {after.why}")
        elif after.is_resting(self.now()) and not before.is_resting(self.now()):
            self._listener.say(f"{name} is paused for a while: {after.why}")


@asynccontextmanager
async def open_fleet(
    destinations: Sequence[Destination], here: LocalWorkers, listener: Listener
) -> AsyncIterator[Fleet]:
    """The targets named by --target; none: workers of this machine alone. The user is told of those that are left out.

    Raises:
        NoTargetLeft: none of them can be used.
    """
    if not destinations:
        yield Fleet.of_one(here.adapter, here.slots, listener)
        return
    away = [(each, *_adapter(each)) for each in destinations if each.kind != "local"]
    adapters = {str(each): adapter for each, adapter, _ in away}
    try:
        targets = [
            Target(str(each), adapters.get(str(each), here.adapter), each.slots or here.slots, each.kind == "local")
            for each in destinations
        ]
        made = Fleet(targets, here.adapter, listener)
        failures = await asyncio.gather(*(_failure(adapter, config) for _, adapter, config in away))
        for (each, *_), failure in zip(away, failures, strict=True):
            if failure is not None:
                made.leave_out(str(each), str(failure))
        made.check()
        yield made
    finally:
        await asyncio.gather(*(adapter.close() for adapter in adapters.values()))


def _adapter(destination: Destination) -> tuple[CloudAdapter[Any], object]:
    """What calls a target, and how it is told which one."""
    from helios_adapters import CloudRunAdapter, CloudRunConfig, LambdaAdapter, LambdaConfig

    slots = destination.slots or 1
    if destination.kind == "lambda":
        return LambdaAdapter(), LambdaConfig(destination.name, destination.region, slots=slots)
    return CloudRunAdapter(), CloudRunConfig(url=destination.name, slots=slots)


async def _failure(adapter: CloudAdapter[Any], config: object) -> TargetError | None:
    """Looks at a target; what is wrong with it, if anything."""
    try:
        await adapter.deploy(config)
    except TargetError as error:
        return error
    return None
