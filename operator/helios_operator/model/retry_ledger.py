"""The record of failed attempts: the status' retries, by piece of work."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from helios_crds.renderjob_status import Retry
from helios_operator.model.state import Attempt, Work


class RetryLedger:
    """The entries of a status, to be amended. A piece of work that never failed has no entry.

    An attempt is settled when its number is at most that of its work's entry: its outcome is already counted, and it
    is stopped if it still runs.
    """

    def __init__(self, entries: Iterable[Retry], targets: Sequence[str] = ()) -> None:
        """targets: names of targets; an entry holds its target as an index into them."""
        self._entries = {Work(entry.stage, entry.chunk): entry for entry in entries}
        self._targets = {
            work: targets[entry.target]
            for work, entry in self._entries.items()
            if entry.target is not None and entry.target < len(targets)
        }

    @property
    def entries(self) -> Mapping[Work, Retry]:
        """The entries by piece of work."""
        return MappingProxyType(self._entries)

    def settles(self, attempt: Attempt) -> bool:
        """Whether an attempt's outcome is already counted."""
        return attempt.number <= self.last(attempt.work)

    def last(self, work: Work) -> int:
        """Number of the last settled attempt; 0 if there is none."""
        entry = self._entries.get(work)
        return entry.attempt if entry else 0

    def target(self, work: Work) -> str | None:
        """Target on which the last settled attempt failed; None if that is not on record."""
        return self._targets.get(work)

    def failures(self, work: Work) -> int:
        """Number of counted failures."""
        entry = self._entries.get(work)
        return entry.failures if entry else 0

    def not_before(self, work: Work) -> datetime | None:
        """When the next attempt may start; None means now."""
        entry = self._entries.get(work)
        return entry.notBefore if entry else None

    def record(
        self, work: Work, attempt: int, reason: str, not_before: datetime | None, target: str | None = None
    ) -> int:
        """Settles a failed attempt. Returns the number of failures of this work, including this one."""
        if target is not None:
            self._targets[work] = target
        failures = self.failures(work) + 1
        self._entries[work] = Retry(
            stage=work.stage,
            chunk=work.chunk,
            attempt=max(attempt, self.last(work)),
            failures=failures,
            notBefore=not_before,
            reason=reason,
        )
        return failures

    def settle(self, work: Work, attempt: int, reason: str, not_before: datetime) -> None:
        """Settles attempts up to a number without counting a failure; the next one starts at `not_before`."""
        self._targets.pop(work, None)
        self._entries[work] = Retry(
            stage=work.stage,
            chunk=work.chunk,
            attempt=max(attempt, self.last(work)),
            failures=self.failures(work),
            notBefore=not_before,
            reason=reason,
        )

    def forget(self, work: Work) -> None:
        """Drops the entry of finished work."""
        self._entries.pop(work, None)
        self._targets.pop(work, None)

    def to_status(self, targets: Sequence[str], *, ended: bool) -> list[Retry]:
        """The entries as the status holds them, in order.

        targets: names; an entry holds its target as an index. ended: whether nothing is tried any more.
        """
        indexes = {name: index for index, name in enumerate(targets)}
        return [
            entry.model_copy(
                update={
                    "target": indexes.get(self._targets.get(work, "")),
                    "notBefore": None if ended else entry.notBefore,
                }
            )
            for work, entry in sorted(self._entries.items())
        ]
