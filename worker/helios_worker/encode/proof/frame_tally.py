"""Bookkeeping of frame numbers: every one once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """Frames first to last, both included, that are missing or, if `repeated`, came again."""

    first: int
    last: int
    repeated: bool = False


class FrameTally:
    """Ticks off frame numbers as they come and tells which are missing or come twice, in constant memory.

    window: how many frames may be ahead of their turn; 0 if they come in order.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._ahead: set[int] = set()
        self._next = 0  # all below were seen or are given up

    def add(self, frame: int) -> list[Fault]:
        """Tick off one frame. Returns what is known to be wrong from now on."""
        if frame < self._next or frame in self._ahead:
            return [Fault(frame, frame, repeated=True)]
        self._ahead.add(frame)
        self._advance()
        return [self._give_up()] if len(self._ahead) > self._window else []

    def finish(self, frames: int) -> list[Fault]:
        """What is still missing, if there should be at least `frames` in all."""
        faults = []
        while self._ahead:
            faults.append(self._give_up())
        if self._next < frames:
            faults.append(Fault(self._next, frames - 1))
        return faults

    def _advance(self) -> None:
        while self._next in self._ahead:
            self._ahead.remove(self._next)
            self._next += 1

    def _give_up(self) -> Fault:
        fault = Fault(self._next, min(self._ahead) - 1)
        self._next = fault.last + 1
        self._advance()
        return fault
