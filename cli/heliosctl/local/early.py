"""What a command needs a moment later, started before its command line is read.

Reading the command line takes as long as a worker or a browser needs to come up: typer reads options by pydantic, whose
import alone takes a tenth of a second. What is started here is what the command has by default. A command that
wants another one, or none (a misspelt option, a page that is not there), leaves it, and it is ended in order.
"""

import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from helios_adapters import worker_process
from helios_worker.errors import HeliosError
from helios_worker.machine import cpu_count

if TYPE_CHECKING:
    from subprocess import Popen

    from helios_worker.capture.browser_pool import BrowserPool
    from helios_worker.workspace import Workspace

LANES = {"render": 0, "plan": 1}
"""Browsers of the worker that a command has by default; 0: one for each processor."""
WITH_A_BROWSER = ("still", "contact-sheet", "check")
HELP = ("-h", "--help")


class _Early:
    """What is started and not taken yet."""

    worker: "Popen[bytes] | None" = None
    browsers: "tuple[Workspace, BrowserPool] | None" = None


def start(words: Sequence[str]) -> None:
    """Starts what a command line will need; nothing where that is not known. words: without the program's name."""
    command = words[0] if words and not set(HELP) & set(words) else ""
    if command in LANES:
        lanes = LANES[command] or cpu_count()
        with suppress(OSError):  # said when the worker is needed
            _Early.worker = worker_process.start(worker_process.arguments(lanes=lanes))
    elif command in WITH_A_BROWSER:
        with suppress(HeliosError, OSError):  # said when the browser is needed
            _Early.browsers = make_browsers()


def make_browsers() -> "tuple[Workspace, BrowserPool]":
    """A workspace in this process and a pool of one browser there, which has been started."""
    from helios_worker.capture.browser_pool import BrowserPool
    from helios_worker.network.addresses import AddressRule
    from helios_worker.workspace import Workspace

    rule = AddressRule.from_environment(loopback=True)
    workspace = Workspace(Path(tempfile.gettempdir()))
    browsers = BrowserPool(workspace.path, lanes=1, rule=rule)
    browsers.renders_next = True
    with suppress(HeliosError, OSError):  # said when the browser is needed
        browsers.launch(0)
    return workspace, browsers


def take_worker() -> "Popen[bytes] | None":
    """The worker, if one was started; the caller ends it."""
    worker, _Early.worker = _Early.worker, None
    return worker


def take_browsers() -> "tuple[Workspace, BrowserPool]":
    """The browser, started now if it was not; the caller ends it."""
    browsers, _Early.browsers = _Early.browsers or make_browsers(), None
    return browsers


def end() -> None:
    """Ends what nobody has taken."""
    if (worker := take_worker()) is not None:
        worker_process.end(worker)
    if _Early.browsers is not None:
        import asyncio

        workspace, browsers = take_browsers()
        asyncio.run(browsers.stop())
        workspace.close()
