"""The watcher at servers that misbehave: how often it comes back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from typing import Any

import pytest

from helios_crds.backoff import Backoff
from helios_operator.kube import reflector
from helios_operator.kube.client import ApiError
from helios_operator.kube.reflector import Pace, Reflector

Event = tuple[str, dict[str, Any]]


def test_pauses_grow_and_start_again():
    pace = Pace()
    assert [pace.pause(0.0) for _ in range(9)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert pace.pause(reflector.ALIVE) == 0.0
    assert pace.pause(0.0) == 0.1


class Server:
    """Lists nothing; each watch does what it is told to. asked: when there was a list or a watch."""

    def __init__(self, watch: Callable[[int], list[Event]]) -> None:
        self.lists: list[float] = []
        self.watches: list[float] = []
        self.since: list[str] = []
        self.enough = asyncio.Event()
        self._watch = watch

    async def pages(self, path: str, selector: str) -> AsyncIterator[tuple[list[dict[str, Any]], str]]:
        self.lists.append(asyncio.get_running_loop().time())
        yield [], "7"

    async def watch(self, path: str, selector: str, since: str) -> AsyncIterator[Event]:
        self.watches.append(asyncio.get_running_loop().time())
        self.since.append(since)
        if len(self.watches) >= 6:
            self.enough.set()
        for event in self._watch(len(self.watches)):
            yield event


async def follow(server: Server) -> list[Event]:
    """Watches until there were six watches."""
    seen: list[Event] = []
    found = Reflector(server, "/jobs", "ours", lambda kind, body: seen.append((kind, body)), lambda uids, at: None)  # type: ignore[arg-type]
    running = asyncio.create_task(found.run())
    await asyncio.wait_for(server.enough.wait(), 10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return seen


def gaps(times: list[float]) -> list[float]:
    return [after - before for before, after in pairwise(times)]


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflector, "PAUSE", Backoff(base=0.01, cap=0.08))


LEAST = (0.01, 0.02, 0.04, 0.08, 0.08)


@pytest.mark.usefixtures("hurry")
async def test_a_server_that_ends_every_watch_at_once_is_left_more_and_more_in_peace():
    server = Server(lambda count: [])
    await follow(server)
    assert len(server.lists) == 1
    assert all(gap >= least * 0.9 for gap, least in zip(gaps(server.watches), LEAST, strict=True))


@pytest.mark.usefixtures("hurry")
async def test_a_server_that_refuses_every_watch_is_not_asked_for_lists_all_the_time():
    def refuse(count: int) -> list[Event]:
        raise ApiError(410, "Expired", "too old")

    server = Server(refuse)
    await follow(server)
    assert all(gap >= least * 0.9 for gap, least in zip(gaps(server.lists), LEAST, strict=True))


@pytest.mark.usefixtures("hurry")
async def test_watches_go_on_where_the_last_one_ended():
    def one_each(count: int) -> list[Event]:
        kind = "BOOKMARK" if count % 2 else "ADDED"
        return [(kind, {"metadata": {"resourceVersion": str(10 + count)}})]

    server = Server(one_each)
    seen = await follow(server)
    assert server.since[:6] == ["7", "11", "12", "13", "14", "15"]
    assert {kind for kind, _ in seen} == {"ADDED"}
