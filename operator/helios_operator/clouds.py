"""Adapters by RenderTarget: made when first needed, and anew when the target's spec has changed or it was of no use."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from helios_crds.rendertarget import RenderTargetSpec
from helios_operator.adapters.deployed import Deployed
from helios_operator.adapters.errors import TargetError
from helios_operator.adapters.of_target import CloudTarget, connect

SHARED_SECONDS = 5.0
"""For how long a failure to connect is that of all who wait: each would have to wait for the others' time-outs, too."""
Connect = Callable[[RenderTargetSpec], Awaitable[tuple[CloudTarget, Deployed]]]


@dataclass(frozen=True)
class _Connected:
    spec: RenderTargetSpec
    adapter: CloudTarget
    deployed: Deployed


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
                known = self._known[name] = _Connected(spec, *await self._connected(name, spec))
            return known.adapter, known.deployed

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
