"""Counts frame numbers: every frame must come once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """Frames from first to last, both included, that are missing, or were repeated."""

    first: int
    last: int
    repeated: bool = False


class FrameTally:
    """Counts frame numbers as they come, and reports missing and repeated ones, in constant memory.

    window: how many frames may come early; 0 if all come in order.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._ahead: set[int] = set()
        self._next = 0  # every frame below has come or is reported as missing

    def add(self, frame: int) -> list[Fault]:
        """Counts one frame. Returns the faults that it reveals."""
        if frame < self._next or frame in self._ahead:
            return [Fault(frame, frame, repeated=True)]
        self._ahead.add(frame)
        self._advance()
        return [self._give_up()] if len(self._ahead) > self._window else []

    def finish(self, frames: int) -> list[Fault]:
        """Frames that are missing at the end, of at least `frames` in all."""
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
