"""One operator at a time: a Lease that is held while working, by the client's own leader election."""

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
"""A call that hangs must end before the time to renew does: the library looks at that between calls only."""
MARGIN_SECONDS = 1
_NOT_REACHED = (ClientError, OSError, TimeoutError)


class LeadershipLost(Exception):
    """The Lease could not be renewed: another operator may be at work, so this one ends."""


async def lead(client: ApiClient, namespace: str, name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Waits for the Lease, then works for as long as it is held. Hands it back at the end, so that nobody waits.

    Raises:
        LeadershipLost: it is not held any more.
        Exception: what `work` raised.
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
        """Ends the work before somebody else may begin, whatever calls are under way and whatever the clock says."""
        clock = asyncio.get_running_loop().time
        while (left := lock.renewed + LEASE_SECONDS - MARGIN_SECONDS - clock()) > 0:  # noqa: ASYNC110 - it moves
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
    """The client's, which takes every error for the API server's own words.

    renewed: since when at least the Lease is ours, by the loop's clock: the last renewal's beginning.
    """

    renewed = float("-inf")

    async def get(self, name: str, namespace: str) -> Any:
        """As LeaseLock; a server that is not reached is an answer to be asked for again."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await super().get(name, namespace)
        except _NOT_REACHED as error:
            return False, ApiException(reason=str(error))

    async def create(self, name: str, namespace: str, election_record: Any) -> bool:
        """As LeaseLock, whose own asks for `pretty=True` where the client wants a string and refuses (37.0.2)."""
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
        """Hands the Lease back, if it is ours and the server is reached; otherwise it runs out by itself."""
        with suppress(ApiException, *_NOT_REACHED):
            async with asyncio.timeout(CALL_SECONDS):
                lease: V1Lease = await self.api_instance.read_namespaced_lease(self.name, self.namespace)
                if lease.spec is not None and lease.spec.holder_identity == self.identity:
                    lease.spec.holder_identity = None
                    await self.api_instance.replace_namespaced_lease(self.name, self.namespace, lease)
