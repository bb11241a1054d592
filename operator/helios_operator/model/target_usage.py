"""The work that each target has done for a render, and its cost: the status' targets, to be amended."""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

from helios_crds.renderjob import MAX_TARGETS
from helios_crds.renderjob_status import TargetStatus
from helios_operator.model.state import Attempt


class TargetUsage:
    """The entries of a status by target."""

    def __init__(self, entries: Iterable[TargetStatus]) -> None:
        self._entries = {entry.name: entry for entry in entries}

    def done(self, target: str) -> None:
        """Counts a chunk that a target has rendered."""
        self._change(target, done=self._of(target).done + 1)

    def failed(self, target: str) -> None:
        """Counts an attempt that failed on a target."""
        self._change(target, failed=self._of(target).failed + 1)

    def ended(self, attempt: Attempt) -> None:
        """Counts an ended invocation and its cost, whatever its outcome."""
        entry = self._of(attempt.target)
        cost = _amount(entry.cost) + (attempt.cost or 0)
        self._change(attempt.target, invocations=entry.invocations + 1, cost=f"{cost:f}")

    def spent(self) -> tuple[Decimal, int]:
        """The cost of all invocations, and how many invocations were on targets with costs."""
        costs = [(_amount(entry.cost), entry.invocations) for entry in self._entries.values()]
        return sum((cost for cost, _ in costs), Decimal(0)), sum(invocations for cost, invocations in costs if cost)

    def to_status(self, names: Sequence[str], active: Sequence[str]) -> list[TargetStatus]:
        """The entries as the status holds them: of the named targets, and of other targets that were used.

        active: the target of each chunk that is being rendered now.
        """
        others = sorted(name for name, entry in self._entries.items() if name not in names and _was_used(entry))
        kept = [*names, *others][:MAX_TARGETS]
        return [self._of(name).model_copy(update={"active": active.count(name)}) for name in kept]

    def _of(self, target: str) -> TargetStatus:
        return self._entries.get(target) or TargetStatus(name=target)

    def _change(self, target: str, **fields: object) -> None:
        self._entries[target] = self._of(target).model_copy(update=fields)


def _was_used(entry: TargetStatus) -> bool:
    return bool(entry.done or entry.failed or entry.invocations)


def _amount(text: str) -> Decimal:
    """An amount of a status, 0 if it cannot be read: another program may have written it."""
    return Decimal(text) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", text, re.ASCII) else Decimal(0)
