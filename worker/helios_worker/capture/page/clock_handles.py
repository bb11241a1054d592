"""The driver's hold on the clocks of a page's realms: an object in each, which no script of a page can reach.

A window's clock shows the page one function, the gate, which cannot be changed or removed. It hands the clock's
commands out to whoever knows the secret of this page: the driver, once, by its strict script, and the clocks of its
frames. A worker's clock returns its commands when it is installed and shows the worker nothing.
"""

import asyncio
import secrets
from typing import Any

from helios_worker.capture.devtools.session import ANSWER_SECONDS, PAGE, Realm, Session
from helios_worker.errors import HeliosError

GATE = "__heliosClock"
ASKED = 10


class ClockHandles:
    """The commands of the clocks of one page. secret: known to the clocks and the driver alone."""

    def __init__(self, session: Session) -> None:
        self.secret = secrets.token_hex(16)
        self._session = session
        self._handles: dict[Realm, str] = {}

    def keep(self, realm: Realm, handle: str) -> None:
        """Notes the commands of a worker's clock."""
        self._handles[realm] = handle

    def forget(self, realm: Realm) -> None:
        """Drops what is known of a realm that has ended, or whose document may be another by now."""
        self._handles.pop(realm, None)

    async def call(self, command: str, *args: object, realm: Realm = PAGE) -> Any:
        """What a command of a realm's clock returns, or what its promise comes to.

        Raises:
            CommandRefused: the realm has ended.
            HeliosError: the command threw.
        """
        handle = self._handles.get(realm)
        if handle is None:
            handle = self._handles[realm] = await self._session.handle(
                f"'use strict';{GATE}('{self.secret}').commands", realm
            )
        return await self._session.call(handle, command, *args, realm=realm)

    async def silent(self) -> bool:
        """Whether a worker, or a frame of another origin, does not answer: one of the first few that there are."""
        others = [realm for realm in self._handles if realm != PAGE][:ASKED]
        return any(await asyncio.gather(*map(self._is_silent, others)))

    async def _is_silent(self, realm: Realm) -> bool:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self.call("waiting", realm=realm)
        except TimeoutError:
            return True
        except HeliosError:  # it has ended
            return False
        return False

    def opens(self, payload: str) -> bool:
        """Whether a call of one of the driver's bindings came from a clock. payload: the secret."""
        return secrets.compare_digest(payload.encode(errors="replace"), self.secret.encode())
