"""What identifies the image that a container runs."""

import re
from sys import intern

_DIGEST = re.compile(r"^sha256:[0-9a-f]{64}$")
HUB = "docker.io/"


def image_record(image: str, image_id: str) -> str:
    """The image of a container, as exactly as it can be told.

    image: as the pod's spec names it. image_id: as the kubelet reports it, once the container was started.

    NAME@sha256:… if any node can pull it by that name: the container runtime reports a digest in the same repository.
    For an image that was loaded into a node, it reports the node's own ID or a name that exists on that node alone
    (kind's import-…@sha256:…); then this is the bare ID.

    >>> image_record("registry.test/worker:1", f"registry.test/worker@sha256:{'a' * 64}")[-75:-60]
    'worker@sha256:a'
    >>> image_record("helios-worker:dev", f"docker.io/library/import-2026@sha256:{'a' * 64}")[:10]
    'sha256:aaa'
    """
    reported = re.sub(r"^docker(-pullable)?://", "", image_id)
    repository, _, digest = reported.rpartition("@")
    if not _DIGEST.fullmatch(digest):
        return intern(image) if not image_id else ""
    is_same = repository and _full(repository) == _full(_repository(image))
    return intern(f"{_repository(image)}@{digest}" if is_same else digest)


def is_pinned(image: str, ours: str) -> bool:
    """Whether an image of a status may be used in place of the operator's own: a digest in the same repository.

    ours: the operator's. Whoever may write a status cannot have the operator run another program.
    """
    repository, _, digest = image.rpartition("@")
    return bool(_DIGEST.fullmatch(digest)) and _full(repository) == _full(_repository(ours))


def _repository(image: str) -> str:
    """An image's name without tag and digest; a colon before the last slash is of a port."""
    name = image.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"


def _full(repository: str) -> str:
    first, slash, _ = repository.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return repository
    return f"{HUB}{repository if slash else f'library/{repository}'}"
