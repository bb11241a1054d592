"""Leader election: only the operator that holds the Lease works. It uses the client library's implementation."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from aiohttp import ClientError
from kubernetes.aio.client import ApiClient, V1Lease, V1ObjectMeta
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

LEASE_SECONDS = 15
RENEW_SECONDS = 10
RETRY_SECONDS = 2
CALL_SECONDS = 4
"""Time limit of a call. The library checks its renewal deadline only between calls, so a call must not hang longer."""
MARGIN_SECONDS = 1
_NOT_REACHED = (ClientError, OSError, TimeoutError)


class LeadershipLost(Exception):
    """The Lease could not be renewed: another operator may hold it now, so this one ends."""


async def lead(client: ApiClient, namespace: str, name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Waits for the Lease, works while it holds the Lease, and releases it at the end for the next operator.

    Raises:
        LeadershipLost: the Lease could not be renewed.
        Exception: an error that `work` raised.
    """
    first: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    tasks: list[asyncio.Future[Any]] = []

    def end(done: asyncio.Future[None]) -> None:
        if not first.done():
            first.set_result(done)

    async def working() -> None:
        for each in (work(), expiring()):
            task = asyncio.ensure_future(each)
            task.add_done_callback(end)
            tasks.append(task)

    async def expiring() -> None:
        """Ends the work before another operator may start, even if a call hangs or the wall clock jumps."""
        clock = asyncio.get_running_loop().time
        while (left := lock.renewed + LEASE_SECONDS - MARGIN_SECONDS - clock()) > 0:  # noqa: ASYNC110 - renewals move the end
            await asyncio.sleep(left)
        raise LeadershipLost(f"the Lease {namespace}/{name} could not be renewed for {LEASE_SECONDS} s")

    async def stopped() -> None:
        raise LeadershipLost(f"the Lease {namespace}/{name} could not be renewed for {RENEW_SECONDS} s")

    lock = _Lock(name, namespace, f"{socket.gethostname()}-{os.getpid()}", client)
    config = Config(
        lock,
        lease_duration=LEASE_SECONDS,
        renew_deadline=RENEW_SECONDS,
        retry_period=RETRY_SECONDS,
        onstarted_leading=working,
        onstopped_leading=stopped,
    )
    election = asyncio.create_task(LeaderElection(config).run(), name="election")
    tasks.append(election)
    try:
        await asyncio.wait({election, first}, return_when=asyncio.FIRST_COMPLETED)
        await (first.result() if first.done() else election)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await lock.release()


class _Lock(LeaseLock):
    """The library's lock, with time limits and for errors without an answer, which the library does not expect.

    renewed: when the last successful renewal began, by the event loop's clock.
    """

    renewed = float("-inf")

    async def get(self, name: str, namespace: str) -> Any:
        """As LeaseLock. If the server does not answer, the election tries again."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await super().get(name, namespace)
        except _NOT_REACHED as error:
            return False, ApiException(reason=str(error))

    async def create(self, name: str, namespace: str, election_record: Any) -> bool:
        """As LeaseLock, which passes `pretty=True` where the client accepts only a string (37.0.2)."""
        body = V1Lease(metadata=V1ObjectMeta(name=name), spec=self.update_lease(election_record))
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await self.api_instance.create_namespaced_lease(namespace, body)
        except (ApiException, *_NOT_REACHED):
            return False
        self.renewed = began
        return True

    async def update(self, name: str, namespace: str, updated_record: Any) -> bool:
        """As LeaseLock."""
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                is_renewed = bool(await super().update(name, namespace, updated_record))
        except _NOT_REACHED:
            return False
        if is_renewed:
            self.renewed = began
        return is_renewed

    async def release(self) -> None:
        """Releases the Lease if this process holds it. If the server does not answer, the Lease expires by itself."""
        with suppress(ApiException, *_NOT_REACHED):
            async with asyncio.timeout(CALL_SECONDS):
                lease: V1Lease = await self.api_instance.read_namespaced_lease(self.name, self.namespace)
                if lease.spec is not None and lease.spec.holder_identity == self.identity:
                    lease.spec.holder_identity = None
                    await self.api_instance.replace_namespaced_lease(self.name, self.namespace, lease)
