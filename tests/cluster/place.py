"""Where one cluster keeps its things, and which clusters there are."""

from dataclasses import dataclass
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.settings import RUN, STATE


@dataclass(frozen=True)
class Place:
    """The folders of the cluster of a name."""

    name: str

    def __post_init__(self) -> None:
        if not self.name or not set(self.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-."):
            raise ClusterError(f"{self.name!r} is no name for a cluster: use a-z, 0-9, '-' and '.'")
        if self.name.startswith((".", "-")) or len(self.name) > 50:
            raise ClusterError(f"{self.name!r} is no name for a cluster: it is too long or starts with a sign")

    @property
    def state(self) -> Path:
        """Data and logs."""
        return STATE / "clusters" / self.name

    @property
    def run(self) -> Path:
        """Sockets and mounts; short, because a socket's path has room for 107 characters."""
        return RUN / "clusters" / self.name

    @property
    def etc(self) -> Path:
        """Certificates and configuration."""
        return self.state / "etc"

    @property
    def containerd_socket(self) -> Path:
        """What containerd listens on."""
        return self.run / "containerd" / "containerd.sock"

    @property
    def admin(self) -> Path:
        """The administrator's kubeconfig."""
        return self.etc / "admin.kubeconfig"

    @property
    def node(self) -> str:
        """The node's name, as kind forms it."""
        return f"{self.name}-control-plane"

    @property
    def cgroup(self) -> str:
        """The control group below which all pods run."""
        return f"helios-cluster-{self.name}"

    @property
    def ready(self) -> Path:
        """Present when the cluster was created to the end."""
        return self.state / "ready"


def clusters(*, complete: bool = True) -> list[str]:
    """Names of the clusters; with complete=False also of those whose creation or deletion was cut off."""
    folders = {folder.name for root in (STATE, RUN) for folder in (root / "clusters").glob("*") if folder.is_dir()}
    return sorted(name for name in folders if not complete or Place(name).ready.exists())
