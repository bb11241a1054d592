"""A worker that does what a test says: a real one cannot be told to hang, or to be deaf."""

from __future__ import annotations

import threading
from collections.abc import Callable

from helios_crds.wire import ExitCode, Payload, Reply


class ScriptedWorker:
    """Answers by `script`; what is done to it is in `seen`.

    deaf: whether `stop` means nothing to it. immortal: whether `kill` does not free it either.
    """

    def __init__(
        self,
        script: Callable[[Payload], Reply] = lambda payload: Reply(exitCode=0),
        *,
        deaf: bool = False,
        immortal: bool = False,
    ) -> None:
        self.seen: list[str] = []
        self.begun = threading.Event()
        self.closed = threading.Event()
        self.release = threading.Event()
        self._script = script
        self._deaf = deaf
        self._immortal = immortal
        self._told: Reply | None = None

    def initialize(self) -> None:
        self.seen.append("initialize")

    def process(self, job: Payload) -> Reply:
        self.seen.append("process")
        self.begun.set()
        return self._script(job)

    def hang(self, job: Payload) -> Reply:
        """A script: waits until it is told to stop, killed or released."""
        assert self.release.wait(20), "nobody ended the stage"
        return self._told or Reply(exitCode=1, stderr="its browser was killed")

    def stop(self, code: ExitCode, why: str) -> bool:
        self.seen.append("stop")
        if not self._deaf:
            self._told = Reply(exitCode=code, stderr=why)
            self.release.set()
        return self.begun.is_set()

    def kill(self) -> None:
        self.seen.append("kill")
        if not self._immortal:
            self.release.set()

    def close(self) -> None:
        self.seen.append("close")
        self.closed.set()


def hanging(*, deaf: bool = False, immortal: bool = False) -> ScriptedWorker:
    """A worker whose stages do not end by themselves."""
    worker = ScriptedWorker(deaf=deaf, immortal=immortal)
    worker._script = worker.hang
    return worker
