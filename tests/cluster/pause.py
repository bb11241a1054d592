"""The image that holds each pod's namespaces: one static program, put into an archive without any container engine."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

from tests.cluster.commands import run
from tests.cluster.place import Place
from tests.cluster.settings import PAUSE_IMAGE


def load(place: Place, program: Path) -> None:
    """Loads the image into the node's containerd."""
    archive = place.state / "pause.tar"
    archive.write_bytes(image_archive(program.read_bytes(), PAUSE_IMAGE))
    run("ctr", "-a", place.containerd_socket, "-n", "k8s.io", "images", "import", archive, timeout=30)
    archive.unlink()


def image_archive(program: bytes, tag: str) -> bytes:
    """An image of one program, in the format of `docker save`."""
    layer = _tar({"pause": program}, mode=0o755)
    config = json.dumps({
        "architecture": _architecture(),
        "os": "linux",
        "config": {"Entrypoint": ["/pause"], "User": "65535:65535"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }).encode()  # fmt: skip
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [tag], "Layers": ["layer.tar"]}]).encode()
    return _tar({"config.json": config, "layer.tar": layer, "manifest.json": manifest}, mode=0o644)


def _tar(files: dict[str, bytes], mode: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            entry.mode = mode
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _architecture() -> str:
    return run("go", "env", "GOARCH").strip()
