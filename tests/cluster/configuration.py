"""The node's configuration files. They are JSON where the reader takes YAML."""

import json
from pathlib import Path

from tests.cluster.place import Place
from tests.cluster.settings import BRIDGE, PAUSE_IMAGE, POD_SUBNET

CNI_PLUGINS = Path("/usr/lib/cni")


def write(place: Place) -> None:
    """Writes what containerd, the CNI plugins and the kubelet read."""
    network = place.etc / "cni"
    network.mkdir(parents=True, exist_ok=True)
    (network / "10-helios.conflist").write_text(json.dumps(_network(place), indent=2))
    (place.etc / "containerd.toml").write_text(_containerd(place))
    (place.etc / "kubelet.yaml").write_text(json.dumps(_kubelet(place), indent=2))


def _network(place: Place) -> object:
    """A bridge. Masquerading is one rule of ours (network.py): the plugin's leaves two per pod behind when killed."""
    addresses = {
        "type": "host-local",
        "dataDir": str(place.state / "addresses"),
        "ranges": [[{"subnet": POD_SUBNET}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "hairpinMode": True, "ipam": addresses}
    return {"cniVersion": "0.4.0", "name": place.cgroup, "plugins": [bridge]}


def _containerd(place: Place) -> str:
    """restrict_oom_score_adj: without CAP_SYS_RESOURCE every pod fails, "can't get final child's PID from pipe"."""
    return f"""\
version = 2
root = "{place.state}/containerd"
state = "{place.run}/containerd"
[grpc]
  address = "{place.containerd_socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{place.state}/containerd-opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PLUGINS}"
    conf_dir = "{place.etc}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""


def _kubelet(place: Place) -> object:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "x509": {"clientCAFile": str(place.etc / "ca.crt")},
            "webhook": {"enabled": True},
            "anonymous": {"enabled": False},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{place.cgroup}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "containerRuntimeEndpoint": f"unix://{place.containerd_socket}",
        "resolvConf": str(_resolver()),
        "podLogsDir": str(place.state / "pod-logs"),
        "volumePluginDir": str(place.state / "volume-plugins"),
        "makeIPTablesUtilChains": False,  # they would stay behind
        "maxPods": 250,
        "volumeStatsAggPeriod": "5s",  # how soon it is seen that a pod's disk is full
        "nodeLeaseDurationSeconds": 12,  # renewed every quarter of it: the controller manager waits 12 s, no longer
        "nodeStatusUpdateFrequency": "4s",
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 99,  # an image that nobody can pull again must not be collected
        "imageGCLowThresholdPercent": 98,
    }


def _resolver() -> Path:
    """The host's resolv.conf; systemd's own when /etc has its stub, which pods cannot reach."""
    behind_stub = Path("/run/systemd/resolve/resolv.conf")
    return behind_stub if behind_stub.exists() else Path("/etc/resolv.conf")
