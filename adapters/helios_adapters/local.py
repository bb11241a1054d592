"""The local adapter: workers as processes of this machine, with the same payload as in the clouds.

A worker stays warm between payloads. It ends when its driver does, because its standard input is closed.

The models of payloads and replies are imported with the first payload: the first worker is started before that, and
imports its own share at the same time.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from helios_adapters import worker_process
from helios_adapters.base import CloudAdapter, Deployment
from helios_crds.words import ExitCode

if TYPE_CHECKING:
    from helios_crds.wire import Payload, Reply

LINE_BYTES = 1 << 24
END_SECONDS = 5
OnFrames = Callable[[int, int], None]


@dataclass(frozen=True)
class LocalConfig:
    """workers: number of processes. lanes: browsers in each; None: one for each processor.

    headers: for the server of their pages, as JSON in the form of the worker's OriginHeaders; "" for none. Workers read
    them from their standard input, since the process list shows arguments and environments. The object shows none.
    on_frames: called with a chunk and the number of frames encoded since the last call.
    on_line: called with each line of a worker's log.
    """

    workers: int = 1
    lanes: int | None = None
    workspace: Path | None = None
    headers: str = field(default="", repr=False)
    on_frames: OnFrames = lambda chunk, count: None
    on_line: Callable[[str], None] = lambda line: None


@dataclass(eq=False)
class _Worker:
    """A worker's process, with what it says on its way to us."""

    process: "subprocess.Popen[bytes]"
    replies: asyncio.StreamReader
    log: asyncio.StreamReader
    said: deque[str] = field(default_factory=lambda: deque(maxlen=30))
    listener: asyncio.Task[None] | None = None
    killed: bool = False

    @classmethod
    async def of(cls, process: "subprocess.Popen[bytes]") -> "_Worker":
        assert process.stdout is not None
        assert process.stderr is not None
        return cls(process, await _reader(process.stdout), await _reader(process.stderr))

    @property
    def is_alive(self) -> bool:
        return not self.killed and self.process.poll() is None

    async def tell(self, line: str) -> None:
        """Writes a line to its standard input.

        Raises:
            BrokenPipeError: it has ended.
        """
        await asyncio.to_thread(self._write, line.encode() + b"\n")

    def end_input(self) -> None:
        """Closes its standard input, with which it ends."""
        if self.process.stdin is not None:
            self.process.stdin.close()

    def _write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        view = memoryview(data)
        while view:
            view = view[os.write(self.process.stdin.fileno(), view) :]


async def _reader(pipe: IO[bytes]) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader


class LocalAdapter(CloudAdapter[LocalConfig]):
    """A pool of `helios-worker lines` processes. A dead worker is replaced when it is needed.

    started: a process that was started already. It is the first worker if it is one that `deploy` would start.
    """

    def __init__(self, started: "subprocess.Popen[bytes] | None" = None) -> None:
        self._started = started
        self._config = LocalConfig()
        self._idle: asyncio.Queue[_Worker | None] = asyncio.Queue()
        self._workers: set[_Worker] = set()
        self._asked: dict[str, _Worker] = {}
        self._closed = False

    async def deploy(self, config: LocalConfig) -> Deployment:
        """Sets the pool to `config.workers` workers and starts the first one, so that it warms up at once."""
        self._config = config
        self._closed = False
        self._idle = asyncio.Queue()
        self._idle.put_nowait(await self._start())
        for _ in range(config.workers - 1):
            self._idle.put_nowait(None)
        return Deployment(name="local", slots=config.workers)

    async def invoke(self, payload: "Payload", key: str = "") -> "Reply":
        """Runs one stage on the next free worker."""
        from helios_crds.wire import Reply

        worker = await self._idle.get()
        try:
            if self._closed:
                return Reply(exitCode=ExitCode.RETRYABLE, stderr="the local workers have been stopped")
            if worker is None or not worker.is_alive:
                worker = await self._start()
            self._asked[key] = worker
            return await self._ask(worker, payload)
        except asyncio.CancelledError:
            if worker is not None:
                _end(worker)
            raise
        finally:
            self._asked.pop(key, None)
            self._idle.put_nowait(worker)

    def cancel(self, key: str) -> bool:
        """Kills the worker that is at work on an attempt; the next payload gets a new one."""
        worker = self._asked.get(key) if key else None
        if worker is not None:
            _end(worker)
        return worker is not None

    async def close(self) -> None:
        """Ends every worker: closes its input, then kills it. Waiting calls get a retryable reply."""
        self._closed = True
        if self._started is not None:
            await self._let_go(self._started)
        workers = tuple(self._workers)
        for worker in workers:
            worker.end_input()
        for worker in workers:
            await _ended(worker)
            if worker.listener is not None:
                await worker.listener
        self._workers.clear()

    async def _start(self) -> _Worker:
        words = worker_process.arguments(
            lanes=self._config.lanes, workspace=self._config.workspace, headers_first=bool(self._config.headers)
        )
        process, self._started = self._started, None
        if process is not None and process.args != words:
            await self._let_go(process)
            process = None
        process = process or worker_process.start(words)
        worker = await self._listened_to(process)
        self._workers.add(worker)
        if self._config.headers:
            with contextlib.suppress(BrokenPipeError):  # a worker that has died is found when asked
                await worker.tell(self._config.headers)
        return worker

    async def _let_go(self, process: "subprocess.Popen[bytes]") -> None:
        """Has a worker end that nothing is asked of; `close` waits for it."""
        worker = await self._listened_to(process)
        self._workers.add(worker)
        worker.end_input()

    async def _listened_to(self, process: "subprocess.Popen[bytes]") -> _Worker:
        try:
            worker = await _Worker.of(process)
        except BaseException:  # cancelled
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        worker.listener = asyncio.create_task(_listen(worker, self._config.on_line))
        return worker

    async def _ask(self, worker: _Worker, payload: "Payload") -> "Reply":
        from helios_crds.wire import Reply

        try:
            await worker.tell(payload.model_dump_json())
            while line := await worker.replies.readline():
                message = json.loads(line)
                if "reply" in message:
                    return Reply.model_validate(message["reply"])
                self._config.on_frames(payload.chunkIndex, int(message["frames"]))
        except (ConnectionError, ValueError, TypeError, KeyError) as error:
            _end(worker)
            await _ended(worker)
            return _died(worker, f"its answer could not be read ({error})")
        return _died(worker, _ending(await _ended(worker)))


async def _listen(worker: _Worker, on_line: Callable[[str], None]) -> None:
    """Keeps the last lines of a worker's log, in case it dies without a reply."""
    while line := await worker.log.readline():
        text = line.decode(errors="replace").rstrip()
        worker.said.append(text)
        on_line(text)


async def _ended(worker: _Worker) -> int:
    """Waits for a worker's exit code; kills the worker after END_SECONDS."""
    ending = asyncio.ensure_future(asyncio.to_thread(worker.process.wait))
    try:
        async with asyncio.timeout(END_SECONDS):
            return await asyncio.shield(ending)
    except TimeoutError:
        _end(worker)
        return await ending


def _died(worker: _Worker, how: str) -> "Reply":
    from helios_crds.wire import Reply

    said = "\n".join(list(worker.said)[-5:])
    return Reply(exitCode=ExitCode.RETRYABLE, stderr=f"the worker died: {how}" + (f"\n{said}" if said else ""))


def _ending(code: int) -> str:
    if code == -signal.SIGKILL:
        return "it was killed, perhaps for lack of memory"
    return f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"it exited with code {code}"


def _end(worker: _Worker) -> None:
    if worker.is_alive:
        worker.killed = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.process.pid, signal.SIGKILL)
