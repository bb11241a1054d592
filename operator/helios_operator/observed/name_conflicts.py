"""Names of children that objects of other owners have: kept until a look at the API server finds them free.

No event tells of them, since only objects with our labels are watched.
"""

from collections.abc import Awaitable, Callable

from helios_operator.model.observation import NameConflict, ObservedJob

LOOK_AGAIN = 30.0
LOOKS = 20


class NameConflicts:
    """Of one RenderJob. Times are of the event loop's clock."""

    def __init__(self) -> None:
        self._looked: dict[NameConflict, float] = {}

    def add(self, conflict: NameConflict, now: float) -> None:
        """A name was found taken."""
        self._looked[conflict] = now

    def known(self) -> tuple[NameConflict, ...]:
        """The names that are taken, as far as is known."""
        return tuple(sorted(self._looked, key=lambda conflict: (conflict.work, conflict.name)))

    async def look(
        self, job: ObservedJob, now: float, is_free: Callable[[ObservedJob, NameConflict], Awaitable[bool]]
    ) -> None:
        """Asks for some whose last look was a while ago. is_free: whether the RenderJob may have a name now.

        Raises:
            ApiError: the API server did not say.
        """
        due = [conflict for conflict, at in self._looked.items() if now - at >= LOOK_AGAIN]
        for conflict in due[:LOOKS]:
            del self._looked[conflict]
            if not await is_free(job, conflict):
                self._looked[conflict] = now  # at the end: those that were not looked at come first next time
