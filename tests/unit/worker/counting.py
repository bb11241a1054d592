"""Counts what a function does, for tests of what it costs: times depend on the machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def counting(*names: str) -> Iterator[list[int]]:
    """How many calls are made in the block: of functions with these names, or of all, in Python and in C."""
    calls = [0]

    def count(frame: Any, event: str, argument: Any) -> None:
        calls[0] += event == "call" and frame.f_code.co_name in names if names else event in ("call", "c_call")

    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(None)
