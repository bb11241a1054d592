"""Adapters by RenderTarget: made when first needed, and anew when it may have become another target.

That is when its spec has changed, when it was of no use, and now and then: whoever gives a function more memory tells
nobody, and what it costs follows from that.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from helios_crds.rendertarget import RenderTargetSpec
from helios_operator.adapters.deployed import Deployed
from helios_operator.adapters.errors import TargetError, Unusable
from helios_operator.adapters.of_target import CloudTarget, connect

SHARED_SECONDS = 5.0
"""For how long a failure to connect is that of all who wait: each would have to wait for the others' time-outs, too."""
AGE_SECONDS = 300.0
"""After which a target is looked at again."""
Connect = Callable[[RenderTargetSpec], Awaitable[tuple[CloudTarget, Deployed]]]


@dataclass(frozen=True)
class _Connected:
    spec: RenderTargetSpec
    adapter: CloudTarget
    deployed: Deployed
    at: float


class Clouds:
    """See the module's docstring. connect: makes an adapter; tests bring their own."""

    def __init__(self, connect: Connect = connect) -> None:
        self._connect = connect
        self._known: dict[str, _Connected] = {}
        self._failed: dict[str, tuple[RenderTargetSpec, TargetError, float]] = {}
        self._connecting: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def adapter(self, name: str, spec: RenderTargetSpec) -> tuple[CloudTarget, Deployed]:
        """The adapter for a target, and what it was found to be.

        Raises:
            TargetError: why nobody can be sent there.
        """
        async with self._connecting[name]:
            known = self._known.get(name)
            if known is None or known.spec != spec:
                # The old one may still be at work; its connections end with its calls.
                known = self._known[name] = await self._made(name, spec)
            elif time.monotonic() - known.at > AGE_SECONDS:
                known = self._known[name] = await self._looked_at(name, known)
            return known.adapter, known.deployed

    async def _looked_at(self, name: str, known: _Connected) -> _Connected:
        """A known target anew; as it is known, if it cannot be looked at just now."""
        try:
            return await self._made(name, known.spec)
        except Unusable:
            raise
        except TargetError:
            return replace(known, at=time.monotonic())

    async def _made(self, name: str, spec: RenderTargetSpec) -> _Connected:
        return _Connected(spec, *await self._connected(name, spec), at=time.monotonic())

    async def _connected(self, name: str, spec: RenderTargetSpec) -> tuple[CloudTarget, Deployed]:
        failed = self._failed.get(name)
        if failed is not None and failed[0] == spec and time.monotonic() - failed[2] < SHARED_SECONDS:
            raise failed[1]
        try:
            return await self._connect(spec)
        except TargetError as error:
            self._failed[name] = spec, error, time.monotonic()
            raise

    def forget(self, name: str) -> None:
        """A target was of no use: what it is, is looked at again."""
        self._known.pop(name, None)

    async def close(self) -> None:
        """Ends the connections."""
        for known in self._known.values():
            await known.adapter.close()
