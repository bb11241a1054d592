"""What each target has done for a render, and what that cost: the status' targets, to be amended."""

from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation

from helios_crds.renderjob import MAX_TARGETS
from helios_crds.renderjob_status import TargetStatus
from helios_operator.state import Attempt


class Tallies:
    """The entries of a status by target."""

    def __init__(self, entries: Iterable[TargetStatus]) -> None:
        self._entries = {entry.name: entry for entry in entries}

    def done(self, target: str) -> None:
        """A target has rendered a chunk."""
        self._change(target, done=self._of(target).done + 1)

    def failed(self, target: str) -> None:
        """An attempt has failed there."""
        self._change(target, failed=self._of(target).failed + 1)

    def ended(self, attempt: Attempt) -> None:
        """An invocation has ended that is not on record, however it ended."""
        entry = self._of(attempt.target)
        cost = _amount(entry.cost) + (attempt.cost or 0)
        self._change(attempt.target, invocations=entry.invocations + 1, cost=f"{cost:f}")

    def spent(self, targets: Iterable[str]) -> tuple[Decimal, int]:
        """What invocations on some targets cost, and how many there were."""
        found = [self._of(name) for name in targets]
        return sum((_amount(entry.cost) for entry in found), Decimal(0)), sum(entry.invocations for entry in found)

    def to_status(self, names: Sequence[str], active: Sequence[str]) -> list[TargetStatus]:
        """The entries as the status holds them: of the named targets, and of others that have done something.

        active: the target of each chunk that is being rendered.
        """
        others = sorted(name for name, entry in self._entries.items() if name not in names and _has_told(entry))
        kept = [*names, *others][:MAX_TARGETS]
        return [self._of(name).model_copy(update={"active": active.count(name)}) for name in kept]

    def _of(self, target: str) -> TargetStatus:
        return self._entries.get(target) or TargetStatus(name=target)

    def _change(self, target: str, **fields: object) -> None:
        self._entries[target] = self._of(target).model_copy(update=fields)


def _has_told(entry: TargetStatus) -> bool:
    return bool(entry.done or entry.failed or entry.invocations)


def _amount(text: str) -> Decimal:
    """What a status says; somebody else may have written it."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        return Decimal(0)
    return found if found.is_finite() and found >= 0 else Decimal(0)
