"""The driver's hold on the clocks of a page's realms: an object in each, which no script of a page can reach.

A window's clock shows the page one function, the gate, which cannot be changed or removed. It hands the clock's
commands out to whoever knows the secret of this page: the driver, once, by its strict script, and the clocks of its
frames. A worker's clock returns its commands when it is installed and shows the worker nothing.
"""

import asyncio
import contextlib
import secrets
from typing import Any

from helios_worker.capture.devtools.cdp import CommandRefused
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

    async def call_all(self, command: str, *args: object, workers: bool = False) -> list[Any]:
        """What a command returns in the page, and in its frames with a clock of their own unless they have ended.

        workers: whether they are asked, too.
        """
        answers = [await self.call(command, *args)]
        for realm in [realm for realm in self._handles if realm != PAGE and (workers or realm.session is None)]:
            with contextlib.suppress(CommandRefused):
                answers.append(await self.call(command, *args, realm=realm))
        return answers

    async def waiting_elsewhere(self) -> tuple[list[str], bool]:
        """What the first few workers and frames of other origins wait for; whether one of them does not answer."""
        others = [realm for realm in self._handles if realm != PAGE][:ASKED]
        answers = await asyncio.gather(*map(self._waiting, others))
        return [str(each) for answer in answers for each in answer or ()], None in answers

    async def _waiting(self, realm: Realm) -> list[Any] | None:
        """What a realm waits for, in words; None if it does not answer."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self.call("waiting", realm=realm)
        except TimeoutError:
            return None
        except HeliosError:  # it has ended
            return []
        pending = answer.get("pending") if isinstance(answer, dict) else None
        where = "in a worker" if realm.session else "in a frame of another origin"
        return [f"{each} {where}" for each in pending] if isinstance(pending, list) else []

    def opens(self, payload: str) -> bool:
        """Whether a call of one of the driver's bindings came from a clock. payload: the secret."""
        return secrets.compare_digest(payload.encode(errors="replace"), self.secret.encode())
