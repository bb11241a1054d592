"""The operator as a process of its own, which can be killed.

Most of an operator's start is the import of its libraries: one second of a processor, and the tests start it hundreds
of times. A server of Python's own (multiprocessing's forkserver) has imported them once, and each operator is a fork of
it that then runs the operator's `main`. What has to be there before Python itself is (LD_PRELOAD) starts afresh.
"""

import asyncio
import contextlib
import ctypes
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

OPTIONS = ("--claim=", "--artifacts=s3://fake/", "--log-format=text")
PR_SET_PDEATHSIG = 1


class Process(Protocol):
    """What the tests ask of a process; asyncio's own has it too."""

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""

    def send_signal(self, signal: int, /) -> None:
        """Raises ProcessLookupError: it has ended."""

    async def wait(self) -> int:
        """Waits for its end."""


class OperatorProcess:
    """The operator for one namespace, asking the API server at `url`. It may be started many times.

    fresh: starts `python -m helios_operator`, and not a fork with everything imported.
    """

    def __init__(
        self,
        folder: Path,
        url: str,
        namespace: str,
        *options: str,
        env: Mapping[str, str] | None = None,
        fresh: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "operator.log"
        self._kubeconfig = folder / "kubeconfig"
        self._kubeconfig.write_text(_kubeconfig(url))
        only = [f"--namespace={namespace}"] if namespace else []
        self._arguments = [*only, *OPTIONS, *options]
        self._env = {**os.environ, "KUBECONFIG": str(self._kubeconfig), **(env or {})}
        self._start = _started_afresh if fresh else _forked
        self.process: Process | None = None

    def use(self, kubeconfig: Path) -> None:
        """Asks the API server as a kubeconfig says, instead of by the address given."""
        self._env["KUBECONFIG"] = str(kubeconfig)

    async def start(self) -> None:
        """Starts it; what it says is added to the log."""
        self.process = await self._start(self._arguments, self._env, self.log)

    def signal(self, which: signal.Signals) -> None:
        """Sends it a signal, if it still runs."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(which)

    async def kill(self) -> None:
        """Ends it at once, wherever it is."""
        self.signal(signal.SIGKILL)
        assert self.process is not None
        await self.process.wait()

    async def __aenter__(self) -> "OperatorProcess":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()


# Either way it must not outlive the tests, however they end.


async def _started_afresh(arguments: Sequence[str], env: Mapping[str, str], log: Path) -> Process:
    guard = ("setpriv", "--pdeathsig", "KILL", "--")
    command = [*guard, sys.executable, "-m", "helios_operator", *arguments]
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *command, stdout=output, stderr=output, stdin=asyncio.subprocess.DEVNULL, env=env
        )


async def _forked(arguments: Sequence[str], env: Mapping[str, str], log: Path) -> Process:
    process = _forks().Process(target=_operate, args=(arguments, env, log), daemon=True)
    await asyncio.to_thread(process.start)
    return _Forked(process)


@cache
def _forks() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["helios_operator.__main__"])
    return context


def _operate(arguments: Sequence[str], env: Mapping[str, str], log: Path) -> None:
    """Runs in the fork, whose parent ends with the tests."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with log.open("ab") as output, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ.clear()
    os.environ.update(env)
    for library in ("kubernetes.config.kube_config", "kubernetes.aio.config.kube_config"):
        # It has read the variable once, when it was imported.
        sys.modules[library].KUBE_CONFIG_DEFAULT_LOCATION = env["KUBECONFIG"]  # type: ignore[attr-defined]
    from helios_operator.__main__ import main

    sys.exit(main(list(arguments)))


class _Forked:
    """A fork, with the words of an asyncio process."""

    def __init__(self, process: BaseProcess) -> None:
        self._process = process
        self._ending = asyncio.create_task(self._end())  # one for all who wait

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, signal: int, /) -> None:
        if self._process.exitcode is not None or self._process.pid is None:
            raise ProcessLookupError
        os.kill(self._process.pid, signal)

    async def wait(self) -> int:
        return await asyncio.shield(self._ending)

    async def _end(self) -> int:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._process.sentinel, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._process.sentinel)
        self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode


def _kubeconfig(url: str) -> str:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": url}}],
        "users": [{"name": "test", "user": {}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    return json.dumps(document)
