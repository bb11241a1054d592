"""Calls to the API server, in plain JSON, and what its answers mean."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from aiohttp import ClientError
from kubernetes.aio.client import ApiClient

Object = dict[str, Any]
MERGE_PATCH = "application/merge-patch+json"
PAGE = 500


class ApiError(Exception):
    """The API server refused, or was not reached.

    status: of HTTP; 0 where there was no answer. reason: in one word, such as AlreadyExists.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason


class Cluster:
    """One API server. Its clock is told by its answers, so that ours may be wrong."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._drift = timedelta(0)

    @property
    def now(self) -> datetime:
        """The time by the API server's clock, to about a second."""
        return datetime.now(UTC) + self._drift

    async def create(self, path: str, body: Object) -> Object:
        """Creates an object in a collection."""
        return await self._call("POST", path, body=body)

    async def get(self, path: str) -> Object:
        """Reads an object."""
        return await self._call("GET", path)

    async def patch(self, path: str, body: Object) -> Object:
        """Merges into an object; a stale resourceVersion in the body is a 409."""
        return await self._call("PATCH", path, body=body, content_type=MERGE_PATCH)

    async def delete(self, path: str, uid: str) -> None:
        """Deletes an object with what it owns, if it still has this UID; one that is gone is no error."""
        options = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        try:
            await self._call("DELETE", path, body=options)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    async def list(self, path: str, selector: str) -> tuple[list[Object], str]:
        """All objects that a label selector matches, page by page, and the resourceVersion they are of."""
        query = {"labelSelector": selector, "limit": str(PAGE)}
        items: list[Object] = []
        while True:
            page = await self._call("GET", path, query=query)
            items += page.get("items") or []
            following = page["metadata"].get("continue")
            if not following:
                return items, page["metadata"]["resourceVersion"]
            query = {**query, "continue": following}

    async def watch(self, path: str, selector: str, since: str) -> AsyncIterator[tuple[str, Object]]:
        """Events after a resourceVersion, until the connection ends.

        Raises:
            ApiError: 410, when what was missed is not kept any more.
        """
        query = {"labelSelector": selector, "resourceVersion": since, "watch": "true", "allowWatchBookmarks": "true"}
        response = await self._send("GET", path, query=query, timeout=330)
        try:
            buffer = b""
            async for data in response.response.content.iter_any():
                *lines, buffer = (buffer + data).split(b"\n")
                for line in filter(None, lines):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise _error(event["object"].get("code", 500), line)
                    yield event["type"], event["object"]
        except (ClientError, OSError) as error:
            raise _unreachable(error) from error
        finally:
            response.response.close()

    async def _call(self, method: str, path: str, **given: Any) -> Object:
        response = await self._send(method, path, **given)
        try:
            found: Object = json.loads(await response.response.read())
        except (ClientError, OSError, TimeoutError) as error:
            raise _unreachable(error) from error
        return found

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        content_type: str = "application/json",
        timeout: float = 30,  # noqa: ASYNC109 - the client's, of the connection
    ) -> Any:
        request = await self._client.param_serialize(
            method=method,
            resource_path=path,
            query_params=list((query or {}).items()),
            header_params={"Accept": "application/json", "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            response: Any = await self._client.call_api(*request, _request_timeout=timeout)
            self._set_clock(response.headers.get("Date"))
            if not 200 <= response.status < 300:
                raise _error(response.status, await response.response.read())
        except (ClientError, OSError, TimeoutError) as error:
            raise _unreachable(error) from error
        return response

    def _set_clock(self, date: str | None) -> None:
        if date:
            self._drift = parsedate_to_datetime(date) - datetime.now(UTC)


def _unreachable(error: BaseException) -> ApiError:
    return ApiError(0, "Unreachable", str(error) or type(error).__name__)


def _error(status: int, body: bytes) -> ApiError:
    try:
        told = json.loads(body)
        told = told.get("object", told)
        return ApiError(status, str(told.get("reason", "")), str(told.get("message", ""))[:500])
    except (ValueError, AttributeError):
        return ApiError(status, "", body[:200].decode(errors="replace"))
