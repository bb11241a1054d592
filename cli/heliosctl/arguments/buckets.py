"""Buckets and folders on the command line: checked before the render, so that a mistyped address costs seconds."""

from helios_worker.artifacts.access import StoreTimeouts
from helios_worker.artifacts.errors import AccessDenied
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import local_path
from helios_worker.errors import UserError
from heliosctl.arguments.options import StoreOptions
from heliosctl.arguments.output import unwritable

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
    """The artifact store, which can be written; a folder is made if need be.

    Raises:
        UserError: it is a folder that cannot be written.
        HeliosError: as check_bucket.
    """
    folder = local_path(url)
    if folder is None:
        check_bucket(url)
        return ArtifactStore(url)
    why = unwritable(folder / "trial")
    if why is not None:
        raise UserError(f"the artifacts cannot be kept in {folder}: {why}", remedy="choose a folder with --artifacts")
    return ArtifactStore(url)


def existing_artifacts(store: StoreOptions) -> ArtifactStore:
    """The artifact store of a command that only looks for what is there.

    Raises:
        UserError: it is a folder that does not exist, so its name is probably mistyped.
        HeliosError: as open_artifacts.
    """
    folder = local_path(store.url)
    if folder is not None and store.artifacts is not None and not folder.is_dir():
        raise UserError(f"there is no folder {folder} with artifacts", remedy="check --artifacts")
    return open_artifacts(store.url)
