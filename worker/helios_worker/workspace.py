"""Temporary folders that clean up after the dead: what a killed worker left is removed by the next one."""

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

PREFIX = "helios-worker-"
LOCK = ".lock"
REMOVAL_SECONDS = 2.0
UNLOCKED_SECONDS = 60.0
"""A folder without a lock is one that is being made, or one whose removal was cut short: by its age it is told."""


class Workspace:
    """A folder of this process's own under `parent`, held by a lock that ends with the process."""

    def __init__(self, parent: Path) -> None:
        """Makes the folder, and first removes those whose owners are gone.

        Raises:
            OSError: `parent` cannot be written to.
        """
        sweep(parent)
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        self._lock = os.open(self.path / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def close(self) -> None:
        """Removes the folder; a killed browser may write into it for a moment yet."""
        deadline = time.monotonic() + REMOVAL_SECONDS
        shutil.rmtree(self.path, ignore_errors=True)
        while self.path.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def sweep(parent: Path) -> list[Path]:
    """Removes the workspaces under `parent` that nobody holds any more. Returns them."""
    removed = []
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            try:
                lock = os.open(folder / LOCK, os.O_RDWR)
            except FileNotFoundError:
                if time.time() - folder.stat().st_mtime < UNLOCKED_SECONDS:
                    continue
                lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder)
            finally:
                os.close(lock)
    return removed
