"""The API server as a test asks it: directly, by HTTP, with an administrator's rights."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.cluster.certificates import client_context
from tests.cluster.control_plane import ControlPlane
from tests.progress import STANDSTILL, Standstill

Object = dict[str, Any]
RENDER = "/apis/helios.video/v1alpha1"
QUIET = 10.0
"""Seconds in which a RenderJob has not changed, after which its Jobs and pods are looked at, too."""


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

    async def newest(self, namespace: str) -> str:
        """How many Jobs and pods a namespace has, and the newest version: another once one of them changes or goes."""
        collections = (f"/apis/batch/v1/namespaces/{namespace}/jobs", f"/api/v1/namespaces/{namespace}/pods")
        found = [int(each["metadata"]["resourceVersion"]) for path in collections for each in await self.items(path)]
        return f"{len(found)}, newest version {max(found, default=0)}"

    async def until(
        self, namespace: str, name: str, is_so: Callable[[Object], bool], what: str, standstill: float = STANDSTILL
    ) -> Object:
        """The RenderJob, once its status `is_so`.

        Raises:
            AssertionError: neither it, nor a Job or pod beside it, has changed for `standstill` seconds; with its
                status and its Jobs.
        """
        progress = Standstill(f"{namespace}/{name}: {what}", standstill)
        found: Object = {}
        while True:
            try:
                found = await self.render_job(namespace, name)
                if is_so(found.get("status") or {}):
                    return found
                progress.look(RenderJob=found["metadata"]["resourceVersion"])
                if progress.seconds > QUIET:  # only then, for these are long lists
                    progress.look(children=await self.newest(namespace))
            except (aiohttp.ClientError, Refused, ValueError) as error:
                progress.look(answer=repr(error))
            except AssertionError as error:
                jobs = [(job["metadata"]["name"], job.get("status")) for job in await self.jobs(namespace)]
                raise AssertionError(f"{error}\n{found.get('status')}\n{jobs}") from None
            await asyncio.sleep(0.5)


async def eventually(is_so: Callable[[], Awaitable[Any]], what: str, **signs: Callable[[], object]) -> Any:
    """What `is_so` says, once it is true. signs: of progress on the way, each by its name.

    Raises:
        AssertionError: it is not, and no sign has changed for long.
    """
    progress = Standstill(what)
    while not (found := await is_so()):
        progress.look(**{name: sign() for name, sign in signs.items()})
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
