"""Costs in statuses that are being written, so that each cost is counted exactly once."""

from collections import defaultdict, deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

from helios_crds.renderjob_status import TargetStatus

MAX_BILLS = 16
"""For each RenderJob: statuses with costs that are remembered until the API server confirms one."""


@dataclass(frozen=True)
class _Bill:
    """Costs in a status that is or was written. targets: that part of the status. uids: of its attempts."""

    targets: Sequence[TargetStatus]
    uids: frozenset[str]


class Bills:
    """The costs in each RenderJob's written statuses, until the API server confirms one of these."""

    def __init__(self) -> None:
        self._of: defaultdict[str, deque[_Bill]] = defaultdict(partial(deque, maxlen=MAX_BILLS))

    def add(self, owner: str, targets: Sequence[TargetStatus], uids: Collection[str]) -> None:
        """Adds a status before it is written. uids: of the attempts whose costs it contains."""
        bill = _Bill(targets, frozenset(uids))
        if uids and bill not in self._of[owner]:
            self._of[owner].append(bill)

    def confirm(self, owner: str, targets: Sequence[TargetStatus]) -> frozenset[str]:
        """UIDs of the attempts whose costs are in the status that the API server has, by an answer or an event.

        The status may be older than the last one written, if that one failed and the answer to the one before was lost.
        """
        bills = self._of.get(owner, deque())
        written = next((bill for bill in bills if bill.targets == targets), None)
        if written is None:
            return frozenset()
        while bills.popleft() is not written:
            pass
        if not bills:
            del self._of[owner]
        return written.uids

    def forget(self, owner: str) -> None:
        """Forgets a RenderJob that is gone or has ended."""
        self._of.pop(owner, None)
