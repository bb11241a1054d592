"""What there is on this machine, for a person."""

from pathlib import Path

from tests.cluster.binaries import node_programs
from tests.cluster.commands import run
from tests.cluster.errors import ClusterError
from tests.cluster.place import Place, clusters
from tests.cluster.processes import COMPONENTS, ended


def report() -> str:
    """Each cluster with its components, nodes and pods."""
    names = clusters(complete=False)
    return "\n".join(_cluster(Place(name)) for name in names) if names else "There is no cluster on this machine."


def _cluster(place: Place) -> str:
    if not place.ready.exists():
        return f"{place.name}: not complete; remove it with `kind delete cluster --name={place.name}`"
    lines = [f"{place.name}: kubeconfig {place.admin}", f"logs: {place.state}/*.log"]
    gone = ended(place.state)
    for name in COMPONENTS:
        state = "ended" if name in gone else f"pid {(place.state / f'{name}.pid').read_text().strip()}"
        lines.append(f"  {name:<24} {state}")
    if gone:
        return "\n".join([*lines, "  the next `kind create cluster` removes it"])
    try:
        kubectl: list[str | Path] = [node_programs() / "kubectl", "--kubeconfig", place.admin]
        lines.append(run(*kubectl, "get", "nodes,pods", "--all-namespaces", timeout=20))
    except ClusterError as error:
        lines.append(str(error))
    return "\n".join(lines)
