"""Whose fault it is that a page's file did not load, or that a frame never became ready."""

import pytest

from helios_worker.capture.faults import PageError
from helios_worker.capture.page.load_failures import load_failure, status_failure
from helios_worker.capture.page.watchdog import may_pass, summary
from helios_worker.errors import NetworkTrouble

URL = "https://example.org/a.png"


@pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504, 520, 524])
def test_a_servers_passing_trouble(status: int):
    assert isinstance(status_failure(URL, status), NetworkTrouble)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 500, 501, 505, 525])
def test_what_a_server_will_answer_again(status: int):
    assert isinstance(status_failure(URL, status), PageError)


def test_more_files_at_once_than_a_browser_takes_on():
    failure = load_failure(URL, "net::ERR_INSUFFICIENT_RESOURCES", lambda host, port: None)
    assert isinstance(failure, PageError)
    assert "more files at once than a browser takes on" in failure.message


@pytest.mark.parametrize(
    ("report", "passes", "said"),
    [
        ({"pending": []}, True, "waiting for request a.png"),
        ({"pending": [], "script": ["a script in a worker"]}, False, "a script does not return: a script in a worker"),
        ({"script": None}, False, "the page does not answer: a script does not return"),
        ({"script": None, "blocking": ["a.html"]}, True, "does not answer while it waits for request a.html"),
        ({"script": None, "unanswered": 30_000}, False, "the page asks for 30,000 files at once, and does not answer"),
    ],
    ids=["a missing answer", "a script", "no answer from the page", "a synchronous request", "a flood of requests"],
)
def test_a_frame_that_is_never_ready(report: dict[str, object], passes: bool, said: str):
    report = {"requests": ["a.png"], "unanswered": 1, **report}
    assert may_pass(report) is passes
    assert said in summary(report)
