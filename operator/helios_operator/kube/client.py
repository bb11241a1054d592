"""Requests to the API server in plain JSON, and its errors."""

import contextlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from aiohttp import ClientError
from kubernetes.aio.client import ApiClient

from helios_operator import metrics
from helios_operator.kube import paths

Object = dict[str, Any]
MERGE_PATCH = "application/merge-patch+json"
PAGE = 500
MAX_RETRY_AFTER = 60.0


class ApiError(Exception):
    """The API server rejected a request, or did not answer.

    status: of HTTP; 0 if there was no readable answer. reason: one word, such as AlreadyExists. retry_after: seconds
    that the API server asks the client to wait.
    """

    def __init__(self, status: int, reason: str, message: str, retry_after: float = 0.0) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after


class Client:
    """Client of one API server. It takes the time from the server's answers, since our own clock may be wrong."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api
        self._server_time, self._read_at = datetime.now(UTC), time.monotonic()

    @property
    def now(self) -> datetime:
        """The time by the API server's clock, to about a second."""
        return self._server_time + timedelta(seconds=time.monotonic() - self._read_at)

    async def create(self, path: str, body: Object) -> Object:
        """Creates an object in a collection."""
        return await self._call("POST", path, body=body)

    async def get(self, path: str) -> Object:
        """Reads an object."""
        return await self._call("GET", path)

    async def patch(self, path: str, body: Object) -> Object:
        """Merges a body into an object; a stale resourceVersion in the body gives a 409."""
        return await self._call("PATCH", path, body=body, content_type=MERGE_PATCH)

    async def delete(self, path: str, uid: str) -> None:
        """Deletes an object and its dependents, if it still has this UID. An object that is gone is not an error."""
        options = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        try:
            await self._call("DELETE", path, body=options)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    async def pages(self, path: str, selector: str) -> AsyncIterator[tuple[list[Object], str]]:
        """All objects that a label selector matches, page by page, each page with its resourceVersion."""
        query = {"labelSelector": selector, "limit": str(PAGE)}
        following = None
        while following != "":
            page = await self._call("GET", path, query=query | ({"continue": following} if following else {}))
            yield page.get("items") or [], page["metadata"]["resourceVersion"]
            following = page["metadata"].get("continue") or ""

    async def watch(self, path: str, selector: str, since: str) -> AsyncGenerator[tuple[str, Object], None]:
        """Events after a resourceVersion, until the connection ends.

        Raises:
            ApiError: the connection failed; with status 410, the server no longer has events that old.
        """
        query = {"labelSelector": selector, "resourceVersion": since, "watch": "true", "allowWatchBookmarks": "true"}
        response = await self._send("GET", path, query=query, timeout=330)
        try:
            buffer = b""
            async for data in response.response.content.iter_any():
                *lines, buffer = (buffer + data).split(b"\n")
                for line in filter(None, lines):
                    event = _object(line)
                    if event.get("type") == "ERROR":
                        raise _error(event["object"].get("code", 500), line)
                    yield event["type"], event["object"]
        except (ClientError, OSError) as error:
            raise _unreachable(error) from error
        finally:
            response.response.close()

    async def _call(self, method: str, path: str, **given: Any) -> Object:
        response = await self._send(method, path, **given)
        try:
            return _object(await response.response.read())
        except (ClientError, OSError, TimeoutError) as error:
            raise _unreachable(error) from error

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
        request = await self._api.param_serialize(
            method=method,
            resource_path=path,
            query_params=list((query or {}).items()),
            header_params={"Accept": "application/json", "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        metrics.REQUESTS.labels(method, paths.resource_of(path)).inc()
        try:
            response: Any = await self._api.call_api(*request, _request_timeout=timeout)
            self._set_clock(response.headers.get("Date"))
            if not 200 <= response.status < 300:
                raise _error(response.status, await response.response.read(), response.headers.get("Retry-After"))
        except (ClientError, OSError, TimeoutError) as error:
            raise _unreachable(error) from error
        return response

    def _set_clock(self, date: str | None) -> None:
        with contextlib.suppress(TypeError, ValueError):  # no date, or not a valid one, as from a proxy
            self._server_time, self._read_at = parsedate_to_datetime(date or "").astimezone(UTC), time.monotonic()


async def list_all(
    client: Client, path: str, selector: str, on_object: Callable[[Object], None]
) -> tuple[set[str], str]:
    """Calls `on_object` for every object, one page at a time: all objects at once would take gigabytes.

    Returns their UIDs, and the list's resourceVersion.
    """
    uids: set[str] = set()
    at = "0"
    async for page, at in client.pages(path, selector):  # noqa: B007 - the last page's
        for body in page:
            uids.add(body["metadata"]["uid"])
            on_object(body)
    return uids, at


def _unreachable(error: BaseException) -> ApiError:
    return ApiError(0, "Unreachable", str(error) or type(error).__name__)


def _object(data: bytes) -> Object:
    """The JSON object of an answer.

    Raises:
        ApiError: the answer is cut off, or does not come from an API server.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ApiError(0, "Unreadable", f"{error} in an answer of {len(data)} bytes") from error
    if not isinstance(value, dict):
        raise ApiError(0, "Unreadable", f"an answer of {len(data)} bytes is not a JSON object")
    return value


def _error(status: int, body: bytes, retry_after: str | None = None) -> ApiError:
    seconds = min(MAX_RETRY_AFTER, float(retry_after)) if retry_after and retry_after.isdecimal() else 0.0
    try:
        answer = json.loads(body)
        answer = answer.get("object", answer)
        return ApiError(status, str(answer.get("reason", "")), str(answer.get("message", ""))[:1000], seconds)
    except (ValueError, AttributeError, RecursionError):
        return ApiError(status, "", body[:200].decode(errors="replace"), seconds)


def version(body: Object) -> int:
    """An object's resourceVersion as a number; comparable within one resource of one API server."""
    text = body["metadata"].get("resourceVersion") or "0"
    return int(text) if text.isdecimal() else 0
