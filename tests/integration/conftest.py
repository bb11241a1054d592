"""What all tests with real browsers share."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.integration.worker.project import browsers, send_signal


@pytest.fixture(scope="module", autouse=True)
def no_browser_left_behind() -> Iterator[None]:
    """A module that leaves a browser behind fails, and not a later one that counts them."""
    before = browsers(os.getpid())
    yield
    left = sorted(set(browsers(os.getpid())) - set(before))
    for pid in left:
        send_signal(pid, signal.SIGKILL)
    assert not left, f"browsers that this module's tests started and did not end: {left}"
