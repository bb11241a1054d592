"""What all tests share: each test is marked by the folder it lies in."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.processes import browsers, origin, send_signal

TESTS = Path(__file__).parent
LEVELS = {"unit", "integration", "e2e"}
ENDING_SECONDS = 60

# No test asserts a time, Hypothesis' 200 ms for an example included: the machine may be busy.
settings.register_profile("helios", deadline=None)
settings.load_profile("helios")

# Whatever else this machine does, a page that hangs in a test is at fault (test_starvation is about the rest).
os.environ.setdefault("HELIOS_OVERLOADED", "2")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell ignores it for what it starts in the background, and whatever the tests start would, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(TESTS) and (level := item.path.relative_to(TESTS).parts[0]) in LEVELS:
            item.add_marker(level)


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all processes of a test session share, whichever of them runs a test."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the checkout."""
    return TESTS.parent


@pytest.fixture(scope="module", autouse=True)
def no_browser_left_behind() -> Iterator[None]:
    """A module that leaves a browser behind fails, and not a later one that counts them.

    Workers whose driver was killed end their browsers by themselves, which takes a busy machine a while.
    """
    assert _left_behind() == [], "left by tests of another module"
    yield
    left = {pid: origin(pid) for pid in _left_behind()}
    for pid in left:
        send_signal(pid, signal.SIGKILL)
    assert not left, f"browsers that did not end, and what started them: {left}"


def _left_behind() -> list[int]:
    """The browsers below this process that do not end."""
    deadline = time.monotonic() + ENDING_SECONDS
    while (left := browsers(os.getpid())) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left
