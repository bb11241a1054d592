"""Names of children that objects have which are not ours: known until a look finds them free.

No event tells of them, for only objects with our labels are watched.
"""

from collections.abc import Awaitable, Callable

from helios_operator.model.state import NameConflict, ObservedJob

LOOK_AGAIN = 30.0
LOOKS = 20


class NameConflicts:
    """By RenderJob. is_free: asks the API server whether a RenderJob may have a name now."""

    def __init__(self, is_free: Callable[[ObservedJob, NameConflict], Awaitable[bool]]) -> None:
        self._is_free = is_free
        self._looked: dict[str, dict[NameConflict, float]] = {}

    def add(self, uid: str, taken: NameConflict, now: float) -> None:
        """A name was found taken. now: of the event loop's clock."""
        self._looked.setdefault(uid, {})[taken] = now

    def forget(self, uid: str) -> None:
        """A RenderJob is gone."""
        self._looked.pop(uid, None)

    async def look(self, job: ObservedJob, now: float) -> tuple[NameConflict, ...]:
        """The names that are taken, after another look at some whose last one was a while ago.

        Raises:
            ApiError: the API server did not say.
        """
        looked = self._looked.get(job.uid, {})
        due = [taken for taken, at in looked.items() if now - at >= LOOK_AGAIN]
        for taken in due[:LOOKS]:
            del looked[taken]
            if not await self._is_free(job, taken):
                looked[taken] = now  # at the end: those that were not looked at come first next time
        if not looked:
            self.forget(job.uid)
        return tuple(sorted(looked, key=lambda taken: (taken.work, taken.name)))
