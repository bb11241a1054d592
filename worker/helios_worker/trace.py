"""Moments of a worker's start, for the benchmark of its cold start: written where HELIOS_TRACE points."""

import os
import time
from pathlib import Path

_PATH = os.environ.get("HELIOS_TRACE")


def mark(step: str) -> None:
    """Writes that a step is done, and when, in seconds since boot. Does nothing unless HELIOS_TRACE is set."""
    if _PATH:
        with Path(_PATH).open("a", encoding="utf-8") as file:
            file.write(f"{time.clock_gettime(time.CLOCK_BOOTTIME):.4f} {step}\n")
