"""Adapters by RenderTarget: connected when first needed, and again when the target may have changed.

A target is connected again after a change of its spec, after an error that a change of the target may fix, and every
few minutes: no event announces that a function has more memory now, but its cost depends on that.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from helios_adapters import CloudAdapter, Deployment, TargetError, Unusable, connect
from helios_crds.rendertarget import RenderTargetSpec

SHARED_SECONDS = 5.0
"""For how long waiting calls share a failure to connect, instead of each waiting for a timeout of its own."""
RECONNECT_SECONDS = 300.0
"""After this time a target is connected again."""
Connect = Callable[[RenderTargetSpec], Awaitable[tuple[CloudAdapter[Any], Deployment]]]


@dataclass(eq=False)
class _Connected:
    """at: when it was last connected, by a monotonic clock. uses: calls under way."""

    spec: RenderTargetSpec
    adapter: CloudAdapter[Any]
    deployment: Deployment
    at: float
    uses: int = 0


class Connections:
    """See the module's docstring. connect: makes an adapter; tests pass their own."""

    def __init__(self, connect: Connect = connect) -> None:
        self._connect = connect
        self._known: dict[str, _Connected] = {}
        self._retired: set[_Connected] = set()
        self._failed: dict[str, tuple[RenderTargetSpec, TargetError, float]] = {}
        self._connecting: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def using(self, name: str, spec: RenderTargetSpec) -> AsyncIterator[tuple[CloudAdapter[Any], Deployment]]:
        """The adapter for a target, and its deployment, for one call.

        Raises:
            TargetError: the target cannot be used.
        """
        async with self._connecting[name]:
            known = await self._current(name, spec)
        known.uses += 1
        try:
            yield known.adapter, known.deployment
        finally:
            known.uses -= 1
            await self._close_retired()

    async def _current(self, name: str, spec: RenderTargetSpec) -> _Connected:
        known = self._known.get(name)
        if known is not None and known.spec == spec:
            if time.monotonic() - known.at < RECONNECT_SECONDS:
                return known
            try:
                connected = await self._connected(name, spec)
            except Unusable:
                raise
            except TargetError:  # the provider does not answer now; the known connection may still work
                if self._known.get(name) is not known:  # another call has retired it meanwhile
                    raise
                known.at = time.monotonic()
                return known
        else:
            connected = await self._connected(name, spec)
        self.forget(name)
        self._known[name] = _Connected(spec, *connected, at=time.monotonic())
        return self._known[name]

    async def _connected(self, name: str, spec: RenderTargetSpec) -> tuple[CloudAdapter[Any], Deployment]:
        failed = self._failed.get(name)
        if failed is not None and failed[0] == spec and time.monotonic() - failed[2] < SHARED_SECONDS:
            raise failed[1]
        try:
            return await self._connect(spec)
        except TargetError as error:
            self._failed[name] = spec, error, time.monotonic()
            raise

    def forget(self, name: str) -> None:
        """Has a target connected again for the next call. Its old connections close after their last call."""
        known = self._known.pop(name, None)
        if known is not None:
            self._retired.add(known)

    async def _close_retired(self) -> None:
        for known in [known for known in self._retired if not known.uses]:
            self._retired.discard(known)
            await known.adapter.close()

    async def close(self) -> None:
        """Closes all connections."""
        for known in (*self._known.values(), *self._retired):
            await known.adapter.close()
