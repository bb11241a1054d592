"""Why a page's process has ended by itself, as far as it is the page's own doing."""

import signal
from pathlib import Path

LAST_BYTES = 1 << 16
WAIT_SECONDS = 1.0
"""How long the browser may take to say how a process ended, after it has said that one did."""
OUT_OF_MEMORY = "its scripts take more memory than the browser has for a page"
TOO_DEEP = "its elements are nested too deep for the browser, whose stack overflowed"
_SCRIPTS_WITHOUT_MEMORY = b"V8 javascript OOM"


def own_end(code: int, log: Path) -> str:
    """What a page did that ended its process; "" where it may have been somebody else's doing, as a kill is.

    code: the signal that ended it. log: the browser's.
    """
    if code == signal.SIGSEGV:
        return TOO_DEEP
    if code not in (signal.SIGTRAP, signal.SIGILL, signal.SIGABRT):
        return ""
    try:
        text = log.read_bytes()[-LAST_BYTES:]
    except OSError:
        return ""
    return OUT_OF_MEMORY if _SCRIPTS_WITHOUT_MEMORY in text else ""
