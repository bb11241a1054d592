"""Whether this machine can hold the node, and the Debian packages for it."""

import fcntl
import os
import shutil
import sys

from tests.cluster.commands import run, step, succeeds
from tests.cluster.errors import ClusterError
from tests.cluster.settings import RUN

# Package by a program that it brings.
PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "conntrack": "conntrack",
    "iptables": "iptables",
    "nft": "nftables",
    "ip": "iproute2",
    "mount": "mount",
    "openssl": "openssl",
    "/usr/sbin/dockerd": "docker.io",
    "debootstrap": "debootstrap",
}


def missing_packages() -> list[str]:
    """Of PACKAGES, what is not installed."""
    return [package for program, package in PACKAGES.items() if shutil.which(program) is None]


def obstacle() -> str | None:
    """Why this machine cannot hold the node, in words for a person; None when it can, perhaps after an install."""
    if sys.platform != "linux":
        return "the node needs Linux; use the real kind (make test KIND=kind)"
    if os.geteuid() != 0:
        return "the node needs root; use the real kind (make test KIND=kind)"
    missing = missing_packages()
    if missing and shutil.which("apt-get") is None:
        return f"these are missing, and there is no apt-get to install them: {' '.join(missing)}"
    if shutil.which("go") is None:
        return "Go is not installed, and the node's programs are built with it (1.26 or newer)"
    return None


def require_machine() -> None:
    """Makes sure that the node can run here; installs what Debian has and this machine lacks.

    Raises:
        ClusterError: it cannot run here, or the install failed.
    """
    if reason := obstacle():
        raise ClusterError(reason)
    RUN.mkdir(parents=True, exist_ok=True)
    with (RUN / "apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if missing := missing_packages():
            with step(f"installing Debian packages: {' '.join(missing)}"):
                _install(missing)


def _install(packages: list[str]) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ("apt-get", "install", "--yes", "--no-install-recommends", *packages)
    # Known packages may do without a refresh of the lists, which takes longer than the install.
    if not succeeds(*command, env=env, timeout=600):
        run("apt-get", "update", env=env, timeout=600)
        run(*command, env=env, timeout=1200)
