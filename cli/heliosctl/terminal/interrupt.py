"""Ctrl-C, SIGTERM and SIGHUP: they cancel the work in order, and set the exit code.

Imports what a signal needs when one comes: a command begins with this module.
"""

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

from helios_crds.words import ExitCode

T = TypeVar("T")
EXIT_CODES = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGHUP: ExitCode.TERMINATED,
}


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end.

    The first signal cancels it, so that it can stop what it started. The second ends this process at once, and so the
    workers, whose standard input it holds.

    Raises:
        Stopped: by a signal.
    """
    return asyncio.run(_guarded(work))


async def _guarded(work: Coroutine[Any, Any, T]) -> T:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    received: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        if received:
            from heliosctl.terminal.report import stderr

            stderr().show_cursor()
            os._exit(EXIT_CODES[number])
        received.append(number)
        task.cancel()

    watched = [number for number in EXIT_CODES if signal.getsignal(number) is not signal.SIG_IGN]
    for number in watched:
        loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not received:
            raise
        from heliosctl.errors import Stopped

        raise Stopped(EXIT_CODES[received[0]]) from None
    finally:
        for number in watched:
            loop.remove_signal_handler(number)
