"""Moments of a worker's start, for the benchmark of its cold start: written where HELIOS_TRACE points."""

import os
import time
from pathlib import Path

_PATH = os.environ.get("HELIOS_TRACE")


def mark(step: str) -> None:
    """Notes that a step is done, in seconds since boot; does nothing unless asked for."""
    if _PATH:
        with Path(_PATH).open("a", encoding="utf-8") as file:
            file.write(f"{time.clock_gettime(time.CLOCK_BOOTTIME):.4f} {step}\n")
