"""The end of a program of ours, for which somebody waits."""

import os
import sys
from typing import NoReturn


def end_process(code: int) -> NoReturn:
    """Ends this process without taking the interpreter apart, which takes 30 ms.

    For a program's last line, when all that it started has ended. What cannot be written ends it in the usual way.
    """
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        sys.exit(code)
    os._exit(code)
