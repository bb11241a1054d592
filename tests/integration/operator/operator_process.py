"""The operator as a process of its own, which can be killed."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

OPTIONS = ("--claim=", "--artifacts=s3://fake/", "--log-format=text")


class OperatorProcess:
    """`python -m helios_operator` for one namespace, asking the API server at `url`. It may be started many times."""

    def __init__(
        self,
        folder: Path,
        url: str,
        namespace: str,
        *options: str,
        env: Mapping[str, str] | None = None,
        prefix: tuple[str, ...] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "operator.log"
        self._kubeconfig = folder / "kubeconfig"
        self._kubeconfig.write_text(_kubeconfig(url))
        only = [f"--namespace={namespace}"] if namespace else []
        guard = ("setpriv", "--pdeathsig", "KILL", "--")  # it must not outlive the tests, however they end
        self._command = [*guard, *prefix, sys.executable, "-m", "helios_operator", *only, *OPTIONS, *options]
        self._env = {**os.environ, "KUBECONFIG": str(self._kubeconfig), **(env or {})}
        self.process: asyncio.subprocess.Process | None = None

    def use(self, kubeconfig: Path) -> None:
        """Asks the API server as a kubeconfig says, instead of by the address given."""
        self._env["KUBECONFIG"] = str(kubeconfig)

    async def start(self) -> None:
        """Starts it; what it says is added to the log."""
        with self.log.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *self._command, stdout=output, stderr=output, stdin=asyncio.subprocess.DEVNULL, env=self._env
            )

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
