"""Makes everything ready that a cluster needs, with its progress on the terminal.

    build             packages and all programs
    build --if-able   the same where this machine can hold the node; elsewhere it says why not and succeeds

What is there already takes no time.
"""

import sys

from tests.cluster.binaries import TOOLS, node_programs, tool
from tests.cluster.commands import say
from tests.cluster.debian import obstacle, require_machine
from tests.cluster.errors import ClusterError


def main(arguments: list[str] | None = None) -> int:
    """Installs and builds. Returns the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if words == ["--if-able"] and (reason := obstacle()):
        say(f"The tests on a cluster will be skipped: {reason}.")
        return 0
    try:
        require_machine()
        node_programs()
        for chosen in TOOLS:
            tool(chosen.name)
    except ClusterError as error:
        say(f"ERROR: {error}")
        return 1
    return 0
