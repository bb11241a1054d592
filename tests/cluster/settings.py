"""Where things lie, and which addresses and ports the node takes.

The addresses are fixed: a machine runs one such node at a time. A bridge per cluster with the same pod
subnet would swallow its neighbour's packets, so there is nothing to gain by choosing others.
"""

import os
from pathlib import Path

KUBERNETES = "v1.34.4"

NODE_ADDRESS = "10.95.0.1"  # on the loopback device: not every kernel has dummy links
POD_SUBNET = "10.94.0.0/20"
SERVICE_SUBNET = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
BRIDGE = "helios-cluster0"  # 15 characters are the most that a link's name may have

PORTS = {
    "etcd": (2479, 2480),
    "kube-apiserver": (6443,),
    "kube-controller-manager": (10257,),
    "kube-scheduler": (10259,),
    "kubelet": (10248, 10250),
    "kube-proxy": (10249, 10256),
}

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]

RUN = Path("/run/helios-cluster")  # sockets and locks, gone with a reboot
STATE = Path("/var/lib/helios-cluster")  # one folder per cluster, and docker's when it is ours

PAUSE_IMAGE = "helios.test/pause:1"


def cache_root() -> Path:
    """Where what is expensive to make is kept, outside the checkout. It may be deleted at any time."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "helios" / "cluster"
