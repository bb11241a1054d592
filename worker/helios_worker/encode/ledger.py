"""Bookkeeping of frame numbers: every one once."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """Frames first to last, both included, that are missing or, if `repeated`, came again."""

    first: int
    last: int
    repeated: bool = False


class FrameLedger:
    """Ticks off frame numbers as they come and tells which are missing or come twice, in constant memory.

    window: how many frames may be ahead of their turn; 0 if they come in order.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._ahead: set[int] = set()
        self._next = 0  # all below were seen or are given up

    def add(self, frame: int) -> Iterator[Fault]:
        """Tick off one frame."""
        if frame < self._next or frame in self._ahead:
            yield Fault(frame, frame, repeated=True)
            return
        self._ahead.add(frame)
        self._advance()
        if len(self._ahead) > self._window:
            yield self._give_up()

    def finish(self, frames: int) -> Iterator[Fault]:
        """What is still missing if there should be `frames` in all, or more if more came."""
        while self._ahead:
            yield self._give_up()
        if self._next < frames:
            yield Fault(self._next, frames - 1)

    def _advance(self) -> None:
        while self._next in self._ahead:
            self._ahead.remove(self._next)
            self._next += 1

    def _give_up(self) -> Fault:
        fault = Fault(self._next, min(self._ahead) - 1)
        self._next = fault.last + 1
        self._advance()
        return fault
