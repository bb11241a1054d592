"""Waits that end by progress: on a busy machine everything comes, only later.

Who waits looks, time and again, at signs of progress on the way, such as the version of a RenderJob that it waits
for. The wait fails once no sign has changed for long, however long it has lasted until then.
"""

import time

STANDSTILL = 120.0
"""Seconds without any sign of progress after which none is expected. The longest pauses by design are a third of it:
a request that is never answered, a target that rests."""


class Standstill:
    """Tells when nothing moves any more. what: is waited for, for the message."""

    def __init__(self, what: str, seconds: float = STANDSTILL) -> None:
        self._what, self._patience = what, seconds
        self._signs: dict[str, object] = {}
        self._since = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long nothing has moved."""
        return time.monotonic() - self._since

    def look(self, **signs: object) -> None:
        """Takes note of signs of progress, each by its name.

        Raises:
            AssertionError: none of them has changed for too long; with what they are.
        """
        if signs.items() <= self._signs.items():
            if self.seconds > self._patience:
                told = ", ".join(f"{name} {sign}" for name, sign in self._signs.items()) or "no sign of it"
                raise AssertionError(f"waited for {self._what}; nothing moved for {self._patience:.0f} s: {told}")
        else:
            self._signs |= signs
            self._since = time.monotonic()
