"""What the node changes on the machine's network, and how that is taken back."""

import socket
from pathlib import Path

from tests.cluster.commands import run, succeeds
from tests.cluster.errors import ClusterError
from tests.cluster.place import Place
from tests.cluster.settings import BRIDGE, NODE_ADDRESS, POD_SUBNET, PORTS

_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_COMMENT = ("-m", "comment", "--comment", "helios test cluster")
# Docker sets the forward chain's policy to DROP, so pods need to be let through by name.
_RULES = (
    ("nat", "POSTROUTING", ("-s", POD_SUBNET, "!", "-d", POD_SUBNET, *_COMMENT, "-j", "MASQUERADE")),
    ("filter", "FORWARD", ("-i", BRIDGE, *_COMMENT, "-j", "ACCEPT")),
    ("filter", "FORWARD", ("-o", BRIDGE, *_COMMENT, "-j", "ACCEPT")),
)
_RESULTS = Path("/var/lib/cni/results")  # libcni's own notes, one file per sandbox


def require_free_ports() -> None:
    """Makes sure that nobody listens where the node will.

    Raises:
        ClusterError: somebody does; with the port and who it is meant for.
    """
    for component, ports in PORTS.items():
        for port in ports:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # only listeners count, not old connections
                try:
                    probe.bind(("", port))
                except OSError:
                    raise ClusterError(
                        f"port {port} is taken, and {component} needs it: end what listens there "
                        f"(`ss -ltnp 'sport = :{port}'` names it)"
                    ) from None


def prepare(place: Place) -> None:
    """Gives the machine the node's address, and lets pods out."""
    run("ip", "addr", "replace", f"{NODE_ADDRESS}/32", "dev", "lo")
    (place.state / "ip_forward").write_text(_FORWARDING.read_text())
    _FORWARDING.write_text("1\n")
    for table, chain, rule in _RULES:
        run("iptables", "-w", "-t", table, "-I", chain, *rule)


def restore(place: Place) -> None:
    """Takes back what prepare(), kube-proxy and the CNI plugins did. Works from any state in between."""
    for table, chain, rule in _RULES:
        while succeeds("iptables", "-w", "-t", table, "-D", chain, *rule):
            pass
    for family in ("ip", "ip6"):
        succeeds("nft", "delete", "table", family, "kube-proxy")
    if Path("/sys/class/net", BRIDGE).exists():
        run("ip", "link", "delete", BRIDGE)
    succeeds("ip", "addr", "del", f"{NODE_ADDRESS}/32", "dev", "lo")
    for note in _RESULTS.glob(f"{place.cgroup}-*"):
        note.unlink(missing_ok=True)
    before = place.state / "ip_forward"
    if before.exists():
        _FORWARDING.write_text(before.read_text())
