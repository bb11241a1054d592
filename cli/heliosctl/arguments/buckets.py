"""Buckets on the command line: asked before the work whether they can be reached, so that nobody waits for nothing."""

from helios_worker.artifacts.access import StoreTimeouts
from helios_worker.artifacts.errors import AccessDenied
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import local_path

# A worker in the middle of a render gives a store minutes; somebody at a keyboard has mistyped its address.
FIRST_TOUCH = StoreTimeouts(connect=5, stall=10, retry=6, tries=5)
NOTHING = ".helios/nothing"
"""A key that is nobody's: what is asked for is the bucket's own answer."""


def check_bucket(url: str) -> None:
    """Asks a bucket for anything, once and shortly; says nothing of a folder, which is looked at elsewhere.

    That reading is denied is no fault: whoever may only write can publish a film.

    Raises:
        HeliosError: there is no such bucket, nobody is let in with these credentials, or nothing answers.
    """
    if local_path(url) is not None or url.startswith("memory:"):
        return
    try:
        ArtifactStore(url, timeouts=FIRST_TOUCH).get(NOTHING)
    except AccessDenied:
        return


def open_artifacts(url: str) -> ArtifactStore:
    """The artifact store, once it is known that it can be reached.

    Raises:
        HeliosError: as check_bucket.
    """
    check_bucket(url)
    return ArtifactStore(url)
