"""A page's parts each hear of the browser's events, also where two of them handle the same one."""

import asyncio
import inspect
from fractions import Fraction
from types import SimpleNamespace

import pytest

from helios_worker.capture.devtools.cdp import BrowserGone
from helios_worker.capture.faults import PageError
from helios_worker.capture.page.page import Page
from helios_worker.capture.page.settings import PageSettings
from helios_worker.capture.playhead import Playhead

SESSION = SimpleNamespace(unreachable=lambda host, port: None, connection=None, process=0)


def test_a_frame_that_navigates_is_waited_for():
    """The navigation hears of it too, which looks after the page itself."""
    page = Page(SESSION, Playhead(Fraction(30)), PageSettings(320, 180, Fraction(30)))  # type: ignore[arg-type]
    page._on_event("Page.frameStartedNavigating", {"frameId": "inner", "url": "about:srcdoc"})
    assert page.network.unanswered_count
    page._on_event("Page.frameStoppedLoading", {"frameId": "inner"})
    assert not page.network.unanswered_count


def test_nothing_is_awaited_of_a_document_that_was_left():
    """It was left before its last byte, whose arrival the browser then does not report."""
    page = Page(SESSION, Playhead(Fraction(30)), PageSettings(320, 180, Fraction(30)))  # type: ignore[arg-type]
    for document in ("first", "second"):
        asked = {"frameId": "main", "loaderId": document, "requestId": document, "type": "Document"}
        page._on_event("Network.requestWillBeSent", {**asked, "request": {"url": f"https://example.org/{document}"}})
    page._on_event("Page.frameNavigated", {"frame": {"id": "main", "loaderId": "second", "url": "https://example.org"}})
    assert page.network.unanswered("") == ["https://example.org/second"]


@pytest.mark.parametrize(("moves", "error"), [(10, BrowserGone), (1_000, PageError)])
async def test_a_browser_that_is_busy_with_what_the_page_does_to_its_address(moves, error, monkeypatch):
    """It answers nothing, as one that has ended."""

    async def unanswered(answer: object) -> None:
        if inspect.iscoroutine(answer):
            answer.close()

    connection = SimpleNamespace(send=lambda method: None, close=lambda because: None)
    session = SimpleNamespace(**{**vars(SESSION), "connection": connection, "briefly": unanswered})
    monkeypatch.setattr("helios_worker.capture.page.starvation.SAMPLE_SECONDS", 0)
    settings = PageSettings(320, 180, Fraction(30), frame_timeout=0.01)
    page = Page(session, Playhead(Fraction(30)), settings)  # type: ignore[arg-type]

    async def step() -> None:
        async with page._watchdog.over("frame 3"):
            for _ in range(moves):
                page._on_event("Page.navigatedWithinDocument", {"frameId": "main", "url": "https://example.org/#1"})
            await asyncio.Event().wait()

    with pytest.raises(error, match=r"^frame 3: .*(1,000 times or more|does not answer)"):
        await step()


def test_a_refresh_is_over_once_another_document_is_shown():
    """The browser reports the end of the refresh in the old document, and no longer once that has been left."""
    page = Page(SESSION, Playhead(Fraction(30)), PageSettings(320, 180, Fraction(30)))  # type: ignore[arg-type]
    page._on_event("Page.frameScheduledNavigation", {"frameId": "main", "delay": 0, "reason": "reload", "url": "/?2"})
    assert page.network.unanswered_count
    page._on_event("Page.frameNavigated", {"frame": {"id": "main", "loaderId": "second", "url": "https://example.org"}})
    assert not page.network.unanswered_count
