"""kind's command line, as far as pytest-kind speaks it, over the node of this folder.

    kind get clusters
    kind create cluster --name=NAME --kubeconfig=FILE
    kind load docker-image --name NAME IMAGE...
    kind delete cluster --name=NAME --kubeconfig=FILE
    kind status                       what kind does not have: clusters, their components, nodes and pods

All but `status` may be said to the real kind as well.
"""

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from tests.cluster import images, node
from tests.cluster.commands import say
from tests.cluster.errors import ClusterError
from tests.cluster.place import Place, clusters
from tests.cluster.status import report


def main(arguments: list[str] | None = None) -> int:
    """Runs one command. Returns the exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        options.command(options)
    except ClusterError as error:
        say(f"ERROR: {error}")
        return 1
    except KeyboardInterrupt:
        say("told to stop")
        return 130
    return 0


def _interrupt(*_: object) -> NoReturn:
    """As Ctrl-C: what was started is removed."""
    raise KeyboardInterrupt


def _get_clusters(_: argparse.Namespace) -> None:
    node.remove_ended()  # or pytest-kind would use one that has ended
    names = clusters()
    if not names:
        say("No kind clusters found.")
    for name in names:
        print(name)


def _create(options: argparse.Namespace) -> None:
    if options.image or options.config:
        say("--image and --config are for the real kind; this node is what it is")
    node.create(options.name, options.kubeconfig)
    say(f"The cluster is there: kubectl --kubeconfig {options.kubeconfig} get nodes")


def _load(options: argparse.Namespace) -> None:
    images.load(Place(options.name), *options.images)


def _delete(options: argparse.Namespace) -> None:
    if not node.delete(options.name, options.kubeconfig):
        say(f"There is no cluster {options.name!r}.")


def _status(_: argparse.Namespace) -> None:
    print(report())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kind", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--name", default=os.environ.get("KIND_CLUSTER_NAME", "kind"))
    where = argparse.ArgumentParser(add_help=False)
    default = os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config"
    where.add_argument("--kubeconfig", type=Path, default=Path(default))

    get = verbs.add_parser("get").add_subparsers(required=True)
    get.add_parser("clusters").set_defaults(command=_get_clusters)
    create = verbs.add_parser("create").add_subparsers(required=True).add_parser("cluster", parents=[common, where])
    create.add_argument("--image")
    create.add_argument("--config")
    create.set_defaults(command=_create)
    load = verbs.add_parser("load").add_subparsers(required=True).add_parser("docker-image", parents=[common])
    load.add_argument("images", nargs="+", metavar="IMAGE")
    load.set_defaults(command=_load)
    delete = verbs.add_parser("delete").add_subparsers(required=True).add_parser("cluster", parents=[common, where])
    delete.set_defaults(command=_delete)
    verbs.add_parser("status").set_defaults(command=_status)
    return parser


if __name__ == "__main__":
    sys.exit(main())
