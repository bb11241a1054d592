"""Buckets on the command line: checked before the render, so that a mistyped address costs seconds."""

from helios_worker.artifacts.access import StoreTimeouts
from helios_worker.artifacts.errors import AccessDenied
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import local_path

# A worker in the middle of a render gives a store minutes; somebody at a keyboard has mistyped its address.
FIRST_TOUCH = StoreTimeouts(connect=5, stall=10, retry=6, tries=5)
NOTHING = ".helios/nothing"
"""A key that never exists: only the bucket's answer matters."""


def check_bucket(url: str) -> None:
    """Sends one short request to a bucket; a folder is checked elsewhere.

    Denied reading is accepted: write access is enough to publish a film.

    Raises:
        HeliosError: the bucket does not exist, refuses these credentials, or does not answer.
    """
    if local_path(url) is not None or url.startswith("memory:"):
        return
    try:
        ArtifactStore(url, timeouts=FIRST_TOUCH).get(NOTHING)
    except AccessDenied:
        return


def open_artifacts(url: str) -> ArtifactStore:
    """The artifact store, after check_bucket.

    Raises:
        HeliosError: as check_bucket.
    """
    check_bucket(url)
    return ArtifactStore(url)
