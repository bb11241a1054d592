"""Tombstones: UIDs of deleted objects, so that late news of an object does not bring it back.

The answer to a write in flight, or a list that was made before the deletion, may still show the object. UIDs are never
used again, so a deleted object stays deleted.
"""

from collections import OrderedDict

REMEMBERED = 4096


class Tombstones:
    """The last few thousand UIDs of deleted objects. No news of older ones can still arrive."""

    def __init__(self) -> None:
        self._uids: OrderedDict[str, None] = OrderedDict()

    def add(self, uid: str) -> None:
        """Adds a deleted object."""
        self._uids[uid] = None
        if len(self._uids) > REMEMBERED:
            self._uids.popitem(last=False)

    def __contains__(self, uid: object) -> bool:
        return uid in self._uids
