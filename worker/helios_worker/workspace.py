"""Temporary folders. The next worker removes the folder that a killed worker left behind."""

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

PREFIX, SUFFIX = "helios-worker-", ".workspace"
REMOVAL_SECONDS = 2.0


class Workspace:
    """A folder of this process's own under `parent`.

    The process holds a lock on the folder, and the lock ends with the process. A folder without a lock can therefore be
    removed. That includes a folder whose removal was interrupted, or that a dying browser made again.
    """

    def __init__(self, parent: Path) -> None:
        """Makes the folder, and first removes those whose owners are gone.

        Raises:
            OSError: `parent` cannot be written to.
        """
        sweep(parent)
        self.path, self._lock = _make(parent)

    def close(self) -> None:
        """Removes the folder. Tries for a moment, since a killed browser may still write into it."""
        deadline = time.monotonic() + REMOVAL_SECONDS
        shutil.rmtree(self.path, ignore_errors=True)
        while self.path.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _make(parent: Path) -> tuple[Path, int]:
    """A new folder, and its descriptor, which holds the lock. Makes another when a sweep removed it before the lock."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX, suffix=SUFFIX, dir=parent))
        with suppress(FileNotFoundError):
            lock = os.open(path, os.O_RDONLY)
            with suppress(OSError):  # some network file systems cannot lock folders; sweep removes none there
                fcntl.flock(lock, fcntl.LOCK_EX)
            if path.is_dir():
                return path, lock
            os.close(lock)


def sweep(parent: Path) -> list[Path]:
    """Removes the workspaces under `parent` whose processes have ended, and returns them."""
    removed = []
    for folder in parent.glob(f"{PREFIX}*{SUFFIX}"):
        with suppress(OSError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder)
            finally:
                os.close(lock)
    return removed


def no_workspace(folder: str, error: OSError) -> str:
    """The message about a workspace that cannot be used."""
    return f"the workspace {folder} cannot be used: {error.strerror or error}; choose another one with --workspace"
