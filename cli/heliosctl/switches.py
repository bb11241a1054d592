"""--json and --debug, as every part of the command line sees them.

Both are set as soon as their option is read, so that they hold for errors in the other options too. They are kept in
the environment; HELIOS_DEBUG=1 there does the same as --debug.
"""

import os

JSON, DEBUG = "HELIOS_JSON", "HELIOS_DEBUG"


def set_json(wanted: bool) -> bool:
    """Has results and errors printed as JSON. Returns its argument, as the callback of an option does."""
    os.environ[JSON] = "1" if wanted else ""
    return wanted


def wants_json() -> bool:
    """Whether results and errors are JSON on standard output."""
    return bool(os.environ.get(JSON))


def set_debug(wanted: bool) -> bool:
    """Has tracebacks and the workers' logs shown; an option that was not given leaves the environment's word."""
    if wanted:
        os.environ[DEBUG] = "1"
    return wanted


def debugging() -> bool:
    """Whether tracebacks and the workers' logs are shown."""
    return os.environ.get(DEBUG, "") not in ("", "0")
