"""Lists against events: what a list may take away, when one is made."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from helios_operator.kube import resync as module
from helios_operator.kube.client import ApiError
from helios_operator.kube.resync import Callbacks, Resync


class Server:
    """Lists nothing. failures: so many lists fail at first."""

    def __init__(self, failures: int = 0) -> None:
        self.lists: list[str] = []
        self.failures = failures
        self.listed = asyncio.Event()

    async def pages(self, path: str, selector: str) -> AsyncIterator[tuple[list[dict[str, Any]], str]]:
        self.lists.append(path)
        self.listed.set()
        if len(self.lists) <= self.failures:
            raise ApiError(503, "ServiceUnavailable", "says the test")
        yield [], "7"


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SOON", 0.01)
    monkeypatch.setattr(module, "APART", 0.1)
    monkeypatch.setattr(module, "AFTER_ERROR", 0.01)


async def test_all_is_listed_before_it_is_synced_and_again_when_asked():
    server = Server(failures=2)
    listed: list[int] = []
    ours = Callbacks(lambda body: None, lambda uids, at: listed.append(at))
    found = Resync(server, {"/a": ours, "/b": Callbacks(lambda body: None, lambda uids, at: None)})  # type: ignore[arg-type]
    running = asyncio.create_task(found.run())
    try:
        await asyncio.wait_for(found.synced.wait(), 5)
        assert set(server.lists) == {"/a", "/b"}
        assert listed == [7]
        before = len(server.lists)
        server.listed.clear()
        for _ in range(20):
            found.on_event(None)
            found.on_event("MODIFIED")
        await asyncio.wait_for(server.listed.wait(), 5)
        await asyncio.sleep(0.15)
        assert len(server.lists) == before + 2, "asked for often, listed once"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_is_not_served_has_no_objects_unless_it_is_needed():
    """As on a cluster where nobody has installed the RenderTargets' definition."""

    class Unserved:
        async def pages(self, path, selector):
            if path == "/theirs":
                raise ApiError(404, "", "404 page not found")
            yield [], "7"

    listed: list[int] = []
    ours = Callbacks(lambda body: None, lambda uids, at: listed.append(at))
    callbacks = {"/ours": ours, "/theirs": ours}
    for needed, missing in ((["/ours"], ""), (["/ours", "/theirs"], "/theirs")):
        resync = Resync(Unserved(), callbacks, needed)  # type: ignore[arg-type]
        running = asyncio.create_task(resync.run())
        async with asyncio.timeout(10):
            while len(resync._due._due) < 2:  # noqa: ASYNC110 - both were asked for and are due again; it tells nobody
                await asyncio.sleep(0)
        assert (resync.synced.is_set(), resync.missing) == (not missing, missing)
        running.cancel()
    assert listed == [7, 7]
