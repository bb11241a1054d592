"""Answers that are no answers: each is an ApiError, and no connection is kept for it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from helios_operator.kube.client import ApiError, Client

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[Client]:
    """A client of a server. It has one connection: where one is kept from being used again, the next call waits."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    settings = Configuration(host=f"http://127.0.0.1:{runner.addresses[0][1]}")
    settings.connection_pool_maxsize = 1
    client = ApiClient(settings)
    try:
        yield Client(client)
    finally:
        await client.close()
        await runner.cleanup()


def whole(text: str, status: int = 200, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, status=status, headers={key.replace("_", "-"): headers[key] for key in headers})

    return answer


def cut(status: int) -> Answer:
    """The connection ends in the body."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"metadata"')
        assert request.transport is not None
        request.transport.close()
        return response

    return answer


async def reset(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        pytest.param(whole('{"metadata": {"na'), 0, "Unreadable", id="half an object"),
        pytest.param(whole("[]"), 0, "Unreadable", id="no object"),
        pytest.param(whole('{"a":' * 99_999), 0, "Unreadable", id="too deep"),
        pytest.param(whole('{"a":' * 99_999, 500), 500, "", id="too deep an error"),
        pytest.param(whole("<html>", 503), 503, "", id="a page of a proxy"),
        pytest.param(whole('{"reason": "Invalid"}', 422, Date="yesterday"), 422, "Invalid", id="a date that is none"),
        pytest.param(cut(200), 0, "Unreachable", id="cut off in the body"),
        pytest.param(cut(500), 0, "Unreachable", id="cut off in an error's body"),
        pytest.param(reset, 0, "Unreachable", id="reset"),
    ],
)
async def test_an_answer_that_is_none(answer: Answer, status: int, reason: str):
    async with serving(answer) as cluster, asyncio.timeout(60):
        calls: list[Callable[[str], Awaitable[Any]]]
        calls = [cluster.get, partial(cluster.create, body={}), partial(cluster.patch, body={})] * 5
        for ask in calls:
            with pytest.raises(ApiError) as raised:
                await ask("/api/v1/pods")
            assert (raised.value.status, raised.value.reason) == (status, reason)


@pytest.mark.parametrize(
    ("told", "seconds"), [("7", 7.0), ("9999", 60.0), ("", 0.0), ("Fri, 01 Jan 2027", 0.0), ("-1", 0.0)]
)
async def test_when_to_ask_again(told: str, seconds: float):
    async with serving(whole("{}", 429, Retry_After=told)) as cluster:
        with pytest.raises(ApiError) as raised:
            await cluster.get("/api/v1/pods")
    assert raised.value.retry_after == seconds


async def test_a_step_of_our_clock_is_no_time(monkeypatch: pytest.MonkeyPatch):
    """The time is the API server's, and goes on by a clock that nobody sets."""

    class Stepped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + timedelta(hours=2)

    async with serving(whole("{}", Date="Thu, 01 Jan 2026 12:00:00 GMT")) as cluster:
        await cluster.get("/api/v1/pods")
        monkeypatch.setattr("helios_operator.kube.client.datetime", Stepped)
        assert abs(cluster.now - datetime(2026, 1, 1, 12, tzinfo=UTC)) < timedelta(minutes=1)


async def read(cluster: Client) -> None:
    async with aclosing(cluster.watch("/api/v1/pods", "", "1")) as events:
        async for _ in events:
            pass


@pytest.mark.parametrize(
    ("text", "status"),
    [
        pytest.param('{"type": "ERROR", "object": {"code": 410, "reason": "Expired"}}\n', 410, id="expired"),
        pytest.param('{"type": "ADD\n', 0, id="half an event"),
    ],
)
async def test_a_watch_that_goes_wrong_leaves_no_connection(text: str, status: int):
    async with serving(whole(text)) as cluster, asyncio.timeout(60):
        for _ in range(5):
            with pytest.raises(ApiError) as raised:
                await read(cluster)
            assert raised.value.status == status
