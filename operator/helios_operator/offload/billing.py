"""Costs that are about to be written, so that each is counted once."""

from collections import defaultdict, deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

from helios_crds.renderjob_status import TargetStatus

MAX_BILLS = 16
"""Statuses with costs whose writing is not known to have come to something, for each RenderJob."""


@dataclass(frozen=True)
class _Bill:
    """Costs in a status that was, or will be, written. targets: the status' part; uids: of the attempts in it."""

    targets: Sequence[TargetStatus]
    uids: frozenset[str]


class Bills:
    """What each RenderJob's statuses say of costs, until the API server is known to have one of them."""

    def __init__(self) -> None:
        self._of: defaultdict[str, deque[_Bill]] = defaultdict(partial(deque, maxlen=MAX_BILLS))

    def add(self, owner: str, targets: Sequence[TargetStatus], uids: Collection[str]) -> None:
        """A status with these parts is about to be written. uids: of the attempts whose costs are in it."""
        bill = _Bill(targets, frozenset(uids))
        if uids and bill not in self._of[owner]:
            self._of[owner].append(bill)

    def confirm(self, owner: str, targets: Sequence[TargetStatus]) -> frozenset[str]:
        """UIDs of the attempts whose costs are in the status that the API server has, whoever brought the news of it.

        It may be an older bill than the last: the answer to that write was lost, and the next one refused.
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
        """A RenderJob is gone, or has ended."""
        self._of.pop(owner, None)
