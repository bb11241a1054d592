"""Why a browser did not start: told by how its process ended and by its log, and whether another start may succeed."""

import os
import re
import signal
import time
from pathlib import Path

from helios_crds.text import one_line
from helios_worker.capture.devtools.cdp import BrowserGone
from helios_worker.errors import HeliosError

END_SECONDS = 2.0
LOG_CHARACTERS, LOG_LINES = 1000, 5
# A container has no message bus, and a browser needs none: its complaints are never the reason why it did not start.
IDLE_COMPLAINTS = re.compile(r"(?i)\bdbus\b|/bus\.cc|system_bus_socket|inotify|vaapi|libva\b")
# The dynamic linker and shells say so of a program that can never start here.
NEVER_STARTS = re.compile(
    r"error while loading shared libraries|Exec format error|cannot execute|required file not found"
)


class BrowserMissing(HeliosError):
    """There is no Chrome headless shell on this machine, or one that can never start here."""

    exit_code = 64


class BrowserNotStarted(BrowserGone):
    """A browser did not start; another attempt may succeed. is_silent: it ran, and did not answer in time."""

    def __init__(self, message: str, *, is_silent: bool) -> None:
        super().__init__(message)
        self.is_silent = is_silent


def start_failure(executable: Path, pid: int, log: Path, *, silent_for: float | None) -> HeliosError:
    """The error of a browser that did not start.

    pid: its process, which nobody has waited for yet. log: its standard error.
    silent_for: seconds after which it had not answered; None if it closed its connection.
    """
    text = log.read_text(errors="replace") if log.exists() else ""
    lines = [line for line in text.splitlines() if line.strip() and not IDLE_COMPLAINTS.search(line)]
    said = one_line(" | ".join(lines[-LOG_LINES:]), LOG_CHARACTERS)
    if NEVER_STARTS.search(text):
        return BrowserMissing(
            f"{executable} cannot start on this machine: {said}",
            remedy="install Debian's chromium-headless-shell with all that it depends on, or set HELIOS_CHROMIUM",
        )
    if silent_for is None:
        cause = _ending(pid)
    else:
        busy = f"{os.getloadavg()[0]:.0f} processes want its {os.cpu_count() or 1} processors"
        cause = f"it did not answer within {silent_for:g} s (this machine may be overloaded: {busy})"
    message = f"{executable} did not start: {cause}{f': {said}' if said else ''}"
    return BrowserNotStarted(message, is_silent=silent_for is not None)


def _ending(pid: int) -> str:
    """How a process that closed its pipe ended; it stays to be waited for."""
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline:
        found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is None:
            time.sleep(0.01)
        elif found.si_code == os.CLD_EXITED:
            return f"it ended with exit code {found.si_status}"
        else:
            memory = " (out of memory?)" if found.si_status == signal.SIGKILL else ""
            return f"it was ended by {signal.Signals(found.si_status).name}{memory}"
    return "it closed its connection"
