"""How the targets outside of the cluster are, for everybody, and for each RenderJob by itself.

What may be a page's doing, an exit code, a crash, too much memory, is held against a target for that page's RenderJob
alone: nobody's page keeps others from a target.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from helios_adapters import health
from helios_adapters.health import Health

log = structlog.stdlib.get_logger(__name__)
EVERYBODY = ""
SLACK = 1.0
"""Seconds: a pause is over by the API server's clock, which is known to about one, and waited for by another."""


class Healths:
    """Kept in memory. now: by the API server's clock. on_room: told the name of a target whose pause is over."""

    def __init__(self, now: Callable[[], datetime], on_room: Callable[[str], None]) -> None:
        self._now = now
        self._on_room = on_room
        self._of: dict[tuple[str, str], Health] = {}

    def room(self, target: str, owner: str, free: int, active: int, own: int) -> int:
        """How many more chunks a target may be given. free: by its limit; active: what it does; own: for this owner."""
        at_most = health.room(self._known(target, EVERYBODY), free, active, self._now())
        return min(at_most, health.room(self._known(target, owner), free, own, self._now()))

    def resting(self, owner: str = EVERYBODY) -> Mapping[str, str]:
        """Why targets are left alone by everybody, or by an owner as well, by name."""
        now = self._now()
        return {
            target: f"{target} rests until {found.until:%H:%M:%S} UTC: {found.why}"
            for (target, whose), found in self._of.items()
            if whose in (EVERYBODY, owner) and found.is_resting(now)
        }

    def succeeded(self, target: str, owner: str) -> None:
        """A chunk was done there, or a page's mistake found."""
        for whose in (EVERYBODY, owner):
            self._note(target, whose, health.after_success(self._known(target, whose)))

    def failed(self, target: str, owner: str, why: str) -> None:
        """A chunk failed there. owner: to whom that is to be held; EVERYBODY, where no page can have done it."""
        self._note(target, owner, health.after_failure(self._known(target, owner), why, self._now()))

    def unusable(self, target: str, why: str) -> None:
        """It cannot be used as it is."""
        self._note(target, EVERYBODY, health.after_unusable(self._known(target, EVERYBODY), why, self._now()))

    def refused(self, target: str, active: int, retry_after: float | None) -> None:
        """It had no room for one more than `active`."""
        after = health.after_refusal(self._known(target, EVERYBODY), active, retry_after, self._now())
        self._note(target, EVERYBODY, after)

    def forget_target(self, target: str) -> None:
        """It is another one now."""
        self._forget(lambda key: key[0] == target)

    def forget_owner(self, owner: str) -> None:
        """A RenderJob is gone."""
        self._forget(lambda key: key[1] == owner)

    def _forget(self, is_meant: Callable[[tuple[str, str]], bool]) -> None:
        self._of = {key: found for key, found in self._of.items() if not is_meant(key)}

    def _known(self, target: str, owner: str) -> Health:
        return self._of.get((target, owner), Health())

    def _note(self, target: str, owner: str, after: Health) -> None:
        """Keeps it, and sees to it that the end of a pause is not missed."""
        before, now = self._known(target, owner), self._now()
        if after == Health():
            self._of.pop((target, owner), None)
        else:
            self._of[target, owner] = after
        if after.is_resting(now) and not before.is_resting(now):
            log.warning("a target rests", target=target, until=f"{after.until:%H:%M:%S}", why=after.why, uid=owner)
        if after.until is not None and after.until != before.until:
            pause = max(0.0, (after.until - now).total_seconds()) + SLACK
            asyncio.get_running_loop().call_later(pause, self._on_room, target)
        if before.is_resting(now) != after.is_resting(now):
            self._on_room(target)
