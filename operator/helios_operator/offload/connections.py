"""Adapters by RenderTarget: made when first needed, and anew when it may have become another target.

That is when its spec has changed, when it was of no use, and now and then: whoever gives a function more memory tells
nobody, and what it costs follows from that.
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
"""For how long a failure to connect is that of all who wait: each would have to wait for the others' time-outs, too."""
AGE_SECONDS = 300.0
"""After which a target is looked at again."""
Connect = Callable[[RenderTargetSpec], Awaitable[tuple[CloudAdapter[Any], Deployment]]]


@dataclass(eq=False)
class _Connected:
    """at: when it was looked at last, by a monotonic clock. uses: calls under way."""

    spec: RenderTargetSpec
    adapter: CloudAdapter[Any]
    deployment: Deployment
    at: float
    uses: int = 0


class Connections:
    """See the module's docstring. connect: makes an adapter; tests bring their own."""

    def __init__(self, connect: Connect = connect) -> None:
        self._connect = connect
        self._known: dict[str, _Connected] = {}
        self._retired: set[_Connected] = set()
        self._failed: dict[str, tuple[RenderTargetSpec, TargetError, float]] = {}
        self._connecting: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def using(self, name: str, spec: RenderTargetSpec) -> AsyncIterator[tuple[CloudAdapter[Any], Deployment]]:
        """The adapter for a target, and what it was found to be, for one call.

        Raises:
            TargetError: why nobody can be sent there.
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
            if time.monotonic() - known.at < AGE_SECONDS:
                return known
            try:
                found = await self._connected(name, spec)
            except Unusable:
                raise
            except TargetError:  # it cannot be looked at just now
                if self._known.get(name) is not known:  # nor used, as others found out meanwhile
                    raise
                known.at = time.monotonic()
                return known
        else:
            found = await self._connected(name, spec)
        self.forget(name)
        self._known[name] = _Connected(spec, *found, at=time.monotonic())
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
        """A target was of no use: what it is, is looked at again. Its connections end when a call does."""
        known = self._known.pop(name, None)
        if known is not None:
            self._retired.add(known)

    async def _close_retired(self) -> None:
        for known in [known for known in self._retired if not known.uses]:
            self._retired.discard(known)
            await known.adapter.close()

    async def close(self) -> None:
        """Ends the connections."""
        for known in (*self._known.values(), *self._retired):
            await known.adapter.close()
