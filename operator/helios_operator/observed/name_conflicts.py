"""Name conflicts: children's names that objects of other owners have, kept until the API server has them free.

They are polled. No event announces a free name, since only objects with our labels are watched.
"""

from collections.abc import Awaitable, Callable

from helios_operator.model.observation import NameConflict, ObservedJob

CHECK_INTERVAL = 30.0
CHECKS = 20
"""Names that one reconcile checks at most."""


class NameConflicts:
    """The name conflicts of one RenderJob. Times are of the event loop's clock."""

    def __init__(self) -> None:
        self._checked_at: dict[NameConflict, float] = {}

    def add(self, conflict: NameConflict, now: float) -> None:
        """Adds a name conflict."""
        self._checked_at[conflict] = now

    def known(self) -> tuple[NameConflict, ...]:
        """The known name conflicts, in order of their work."""
        return tuple(sorted(self._checked_at, key=lambda conflict: (conflict.work, conflict.name)))

    async def check(
        self, job: ObservedJob, now: float, is_free: Callable[[ObservedJob, NameConflict], Awaitable[bool]]
    ) -> None:
        """Checks the names that are due, at most CHECKS. is_free: asks whether the RenderJob may have a name now.

        Raises:
            ApiError: the API server did not answer.
        """
        due = [conflict for conflict, at in self._checked_at.items() if now - at >= CHECK_INTERVAL]
        for conflict in due[:CHECKS]:
            del self._checked_at[conflict]
            if not await is_free(job, conflict):
                self._checked_at[conflict] = now  # moves to the end, so unchecked names come first next time
