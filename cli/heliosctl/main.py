"""The console script `heliosctl`."""

import sys
from typing import NoReturn

from helios_crds.words import ExitCode
from helios_worker.process_end import end_process
from heliosctl.local import early


def app() -> NoReturn:
    """Starts what the command will need, reads the command line, and ends the process with the command's exit code."""
    try:
        early.start(sys.argv[1:])
        from heliosctl.app import app as commands

        code = commands.run()
    except KeyboardInterrupt:  # before a command that handles it has begun
        code = ExitCode.INTERRUPTED
    finally:
        early.end()
    end_process(code)
