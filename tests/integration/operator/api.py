"""The API server as a test asks it: directly, by HTTP, with an administrator's rights."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.cluster.certificates import client_context
from tests.cluster.control_plane import ControlPlane

Object = dict[str, Any]
RENDER = "/apis/helios.video/v1alpha1"


class Refused(Exception):
    """The API server refused. status: of HTTP; message: what it said."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status, self.message = status, message


class Api:
    """Calls in plain JSON; paths begin with /api or /apis."""

    def __init__(self, session: aiohttp.ClientSession, server: str) -> None:
        self._session, self._server = session, server

    async def call(
        self, method: str, path: str, body: object = None, *, kind: str = "application/json", **query: str
    ) -> Object:
        """The answer's object.

        Raises:
            Refused: it is an error.
        """
        async with self._session.request(
            method, self._server + path, json=body, params=query, headers={"Content-Type": kind} if body else {}
        ) as answer:
            found: Object = await answer.json(content_type=None)
            if answer.status >= 400:
                raise Refused(answer.status, str(found.get("message", found)))
            return found

    async def create(self, path: str, body: Mapping[str, Any], **query: str) -> Object:
        """Creates an object in a collection."""
        return await self.call("POST", path, body, **query)

    async def get(self, path: str, **query: str) -> Object:
        """Reads an object or a list."""
        return await self.call("GET", path, **query)

    async def items(self, path: str, selector: str = "") -> list[Object]:
        """The objects of a collection."""
        found: list[Object] = (await self.get(path, **({"labelSelector": selector} if selector else {})))["items"]
        return found

    async def merge(self, path: str, body: Mapping[str, Any]) -> Object:
        """Merges into an object."""
        return await self.call("PATCH", path, body, kind="application/merge-patch+json")

    async def delete(self, path: str, **options: Any) -> Object:
        """Deletes an object."""
        return await self.call("DELETE", path, options or None)

    async def render_job(self, namespace: str, name: str) -> Object:
        """A RenderJob."""
        return await self.get(f"{RENDER}/namespaces/{namespace}/renderjobs/{name}")

    async def jobs(self, namespace: str) -> list[Object]:
        """The Jobs of a namespace."""
        return await self.items(f"/apis/batch/v1/namespaces/{namespace}/jobs")

    async def namespace(self, name: str) -> str:
        """Makes a namespace."""
        await self.create("/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    async def until(
        self, namespace: str, name: str, is_so: Callable[[Object], bool], what: str, seconds: float = 60
    ) -> Object:
        """The RenderJob, once its status `is_so`.

        Raises:
            AssertionError: it was not within `seconds`; with its status and its Jobs.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                found = await self.render_job(namespace, name)
                if is_so(found.get("status") or {}):
                    return found
            except (aiohttp.ClientError, Refused, ValueError) as error:
                found = {"status": repr(error)}
            if time.monotonic() > deadline:
                jobs = [(job["metadata"]["name"], job.get("status")) for job in await self.jobs(namespace)]
                raise AssertionError(
                    f"{namespace}/{name}: waited {seconds:.0f} s for {what}\n{found.get('status')}\n{jobs}"
                )
            await asyncio.sleep(0.5)


async def eventually(is_so: Callable[[], Awaitable[Any]], what: str, seconds: float = 60) -> Any:
    """What `is_so` says, once it is true.

    Raises:
        AssertionError: it was not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not (found := await is_so()):
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        await asyncio.sleep(0.2)
    return found


@asynccontextmanager
async def connected(plane: ControlPlane) -> AsyncIterator[Api]:
    """A client of a control plane."""
    connector = aiohttp.TCPConnector(ssl=client_context(plane.certificate), limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield Api(session, plane.server)


def is_complete(status: Mapping[str, Any]) -> bool:
    """Whether a status says that the film is there."""
    return status.get("phase") == "Complete"
