"""Builds images: `image [worker] [operator]`, by default both, and says how large they are."""

import sys

from tests.cluster import images
from tests.cluster.commands import say
from tests.cluster.engine import docker
from tests.cluster.errors import ClusterError


def main(arguments: list[str] | None = None) -> int:
    """Builds the named targets. Returns the exit code."""
    targets = (sys.argv[1:] if arguments is None else arguments) or list(images.TARGETS)
    if unknown := set(targets) - set(images.TARGETS):
        say(f"ERROR: there is no target {sorted(unknown)[0]!r}; there are {', '.join(images.TARGETS)}")
        return 1
    try:
        with docker() as engine:
            images.build(*targets)
            for target in targets:
                size = int(engine("image", "inspect", "--format", "{{.Size}}", images.tag(target)))
                print(f"{images.tag(target)}  {size / 1e6:.0f} MB")
    except ClusterError as error:
        say(f"ERROR: {error}")
        return 1
    return 0
