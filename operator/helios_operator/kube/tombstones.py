"""Objects that are gone: news of them may still be on its way.

A deletion is heard while a write is in flight whose answer shows the object alive, or while a list is read that was
made before it. A UID never comes back, so what is known to be gone stays gone.
"""

from collections import OrderedDict

REMEMBERED = 4096


class Tombstones:
    """The last few thousand UIDs of what went; what is older than these has no news on its way any more."""

    def __init__(self) -> None:
        self._uids: OrderedDict[str, None] = OrderedDict()

    def add(self, uid: str) -> None:
        """An object is gone."""
        self._uids[uid] = None
        if len(self._uids) > REMEMBERED:
            self._uids.popitem(last=False)

    def __contains__(self, uid: object) -> bool:
        return uid in self._uids
