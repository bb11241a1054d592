"""The entry that every execution target calls: one payload in, one result out, whatever happens in between.

    runtime = WorkerRuntime("/tmp")
    runtime.initialize()                              # optional: starts the browser ahead of the first stage
    result = runtime.run("file:///store/jobs/3f…/job.json", 7)
    result.exit_code, result.stderr

A runtime keeps its browsers warm and no other state. It is not thread-safe: only the thread that made it may call it,
except for `stop` and `kill`, which any thread may call.

This module imports what it takes to start a browser. The models and stages are imported while it starts.

Long, because everything that a payload asks for passes here, and is checked here.
"""

import asyncio
import base64
import errno
import logging
import os
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from helios_crds.addresses import is_artifact, shown
from helios_crds.text import first_problem, printable_lines
from helios_crds.words import ExitCode, Stage
from helios_worker.artifacts.allowed_stores import AllowedStores
from helios_worker.artifacts.output import refuse_folder
from helios_worker.artifacts.urls import local_path, split_url, store_address
from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.capture.faults import FrameNeverReady, PageError, StackOverflow
from helios_worker.capture.page.starvation import overloaded_share
from helios_worker.errors import HeliosError, UserError
from helios_worker.imports import importing
from helios_worker.machine import cpu_count
from helios_worker.network.addresses import AddressRule
from helios_worker.network.origin_headers import NO_HEADERS, OriginHeaders
from helios_worker.trace import mark
from helios_worker.workspace import Workspace

if TYPE_CHECKING:
    from helios_crds.request import JobSpecRequest
    from helios_crds.wire import Payload, Reply
    from helios_worker.artifacts.store import ArtifactStore

PNG_SIGNATURE = b"\x89PNG"
log = logging.getLogger(__name__)


PLANNING = ("helios_worker.stages.plan", "helios_worker.capture.page.page")
RENDERING = ("helios_worker.stages.chunk", "helios_worker.stages.stitch")
"""What stages import, for a worker that has time for it while its browser starts or draws."""
OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT)


class Worker(Protocol):
    """What a target needs of a worker. Only `stop` and `kill` may be called from another thread."""

    def initialize(self) -> None:
        """Starts the processes that are kept warm between jobs."""
        ...

    def process(self, job: "Payload") -> "Reply":
        """Runs one stage. A failure is in the reply, never raised."""
        ...

    def stop(self, code: ExitCode, why: str) -> bool:
        """Ends the running stage with this reply. Returns at once: whether a stage was running."""
        ...

    def kill(self) -> None:
        """Kills the processes of the running stage when `stop` had no effect."""
        ...

    def close(self) -> None:
        """Ends the processes that are kept warm."""
        ...


@dataclass(frozen=True)
class WorkerResult:
    """How a stage ended. exit_code: a helios_crds.wire.ExitCode. result: the stage's result, None when it failed."""

    exit_code: int
    stdout: str
    stderr: str
    result: dict[str, Any] | None


class WorkerRuntime:
    """See the module's docstring.

    workspace_dir: where temporary files go; it must be writable.
    lanes: browsers per chunk; by default one for each processor of the cgroup.
    allow_commands: whether chunks of Helios' own jobs may run their `command`.
    on_frames: called during a chunk with the number of frames newly encoded.
    allowed_stores: limits where artifacts, films and local sources may be; None for no limit.
    addresses: what pages and downloads may reach; None for what a stranger's page may: not this machine itself.
    headers: what the server of the one composition that they are for is sent in addition.
    """

    def __init__(
        self,
        workspace_dir: str | os.PathLike[str],
        *,
        lanes: int | None = None,
        allow_commands: bool = False,
        on_frames: Callable[[int], None] = lambda count: None,
        allowed_stores: AllowedStores | None = None,
        addresses: AddressRule | None = None,
        headers: OriginHeaders = NO_HEADERS,
    ) -> None:
        self._workspace = Path(workspace_dir)
        self._allow_commands = allow_commands
        self._on_frames = on_frames
        self._allowed = allowed_stores or AllowedStores.everywhere()
        self._under_way: asyncio.Task[Any] | None = None
        self._stopped_with: Reply | None = None
        overloaded_share()  # a bad one is said now, not at the first frame that is late
        rule = addresses or AddressRule.from_environment(loopback=False)
        self._runner = asyncio.Runner()
        self._scratch = Workspace(self._workspace)
        self._browsers = BrowserPool(self._scratch.path, lanes or cpu_count(), rule, headers)

    def initialize(self) -> None:
        """Starts the first browser, so that the first stage finds it warm."""
        self._runner.run(self._browsers.start())

    def begin(self) -> None:
        """Starts the first browser's process without waiting for it, and imports what a plan needs meanwhile.

        For a worker whose caller waits for a whole film: what it plans, it renders next. A browser that cannot be
        started is an error of the first stage that needs it.
        """
        self._browsers.renders_next = True
        with suppress(HeliosError, OSError):
            self._browsers.launch(0)
        mark("browser launched")
        for module in PLANNING:
            import_module(module)
        mark("plan imported")

    def close(self) -> None:
        """Ends the browsers and removes the workspace's temporary files."""
        try:
            self._runner.run(self._browsers.stop())
            self._runner.close()
        finally:
            self._scratch.close()

    def run(self, job_path: str, chunk_index: int) -> WorkerResult:
        """Renders one chunk of the job at a URL."""
        from helios_crds.wire import Payload

        reply = self.process(Payload(jobPath=job_path, chunkIndex=chunk_index))
        return WorkerResult(reply.exitCode, reply.stdout, reply.stderr, reply.result)

    def process(self, job: "Payload") -> "Reply":
        """Runs the stage that a payload asks for. A failure is in the reply, never raised."""
        started = time.monotonic()
        mark(f"{job.stage} asked")
        self._stopped_with = None
        try:
            self._browsers.compositions.make_room()
            result = self._runner.run(self._interruptible(job))
        except (Exception, asyncio.CancelledError) as error:
            stopped_with: Reply | None = self._stopped_with  # set by another thread
            return stopped_with or self._ended_by(job, error)
        seconds = time.monotonic() - started
        return _reply(ExitCode.DONE, stdout=f"{job.stage} done in {seconds:.1f} s", result=result)

    def stop(self, code: ExitCode, why: str) -> bool:
        """Ends the running stage; its reply then has this code and message. Any thread may call it; returns at once.

        Returns:
            Whether a stage was running.

        A stage that finishes at the same moment stays finished. Work that the stage gave to a thread (a stitch, a
        transfer) cannot be interrupted and goes on. That is harmless: another run would repeat the same work.
        """
        task = self._under_way
        if task is None:
            return False
        self._stopped_with = _reply(code, why)
        with suppress(RuntimeError):  # its loop has ended: so has it
            task.get_loop().call_soon_threadsafe(task.cancel)
        return True

    def kill(self) -> None:
        """Kills the browsers, for a stage that waits for one and ignores `stop`. Any thread may call it."""
        self._browsers.kill()

    async def _interruptible(self, payload: "Payload") -> dict[str, Any]:
        self._under_way = asyncio.current_task()
        try:
            return await self._stage(payload)
        finally:
            self._under_way = None

    def _ended_by(self, job: "Payload", error: BaseException) -> "Reply":
        match error:
            case HeliosError():
                return self._failure(job, error)
            case MemoryError():
                return _reply(ExitCode.EXHAUSTED, f"{job.stage}: there is not enough memory")
            case OSError() if error.errno in OUT_OF_SPACE:
                problem = f"{job.stage}: {error.filename or self._workspace} cannot be written: {error.strerror}"
                return _reply(ExitCode.EXHAUSTED, f"{problem}; give the workspace more room")
            case _:  # a defect of ours: worth another attempt, and the whole trace
                log.error("stage %s failed", job.stage, exc_info=error)
                return _reply(ExitCode.RETRYABLE, printable_lines(f"{type(error).__name__}: {error}"))

    def _stage(self, payload: "Payload") -> Coroutine[Any, Any, dict[str, Any]]:
        match payload.stage:
            case Stage.PLAN:
                return self._plan(payload)
            case Stage.CHUNK:
                return self._chunk(payload)
            case Stage.STITCH:
                return self._stitch(payload)

    # Launching browsers and importing a stage's modules each take about a third of a second, so the browsers are
    # launched first. Mistakes in the request itself are refused before either.

    async def _plan(self, payload: "Payload") -> dict[str, Any]:
        from pydantic import ValidationError

        from helios_crds.request import JobSpecRequest, request_in
        from helios_worker.artifacts.store import ArtifactStore
        from helios_worker.planning.encoder import check_encoder

        root, key = self._place(payload)
        store = ArtifactStore(root)
        data = (
            _request_text(payload.request) if payload.request is not None else await asyncio.to_thread(store.get, key)
        )
        if data is None:
            raise UserError(f"there is no request at {payload.jobPath}")
        try:
            request = request_in(data)
        except ValidationError as error:
            raise UserError(f"the request's {first_problem(error)}") from None
        if isinstance(request, JobSpecRequest):
            return await self._adopt(request, store, root)
        check_encoder(request)
        self._allowed.check_source(request.composition.url)
        for track in request.audio.tracks:
            self._allowed.check_source(track.url)
        if request.output is not None:
            self._check_output(request.output, root)
            await asyncio.to_thread(refuse_folder, request.output)
        if payload.request is not None:
            await asyncio.to_thread(store.put, key, data)
        self._browsers.launch(0)
        from helios_worker.stages.plan import plan

        places = (local_path(place) for place in (root, request.output) if place)
        exclude = [path for path in places if path is not None]
        async with importing(*(RENDERING if self._browsers.renders_next else ())):
            return (await plan(request, store, self._browsers, exclude=exclude)).model_dump()

    async def _adopt(self, request: "JobSpecRequest", store: "ArtifactStore", root: str) -> dict[str, Any]:
        """The plan of a job that is planned already."""
        from helios_worker.stages.adopt import adopt

        self._allowed.check_source(request.jobSpec)
        self._check_output(request.output, root)
        await asyncio.to_thread(refuse_folder, request.output)
        return (await adopt(request, store, self._browsers, allow_commands=self._allow_commands)).model_dump()

    async def _chunk(self, payload: "Payload") -> dict[str, Any]:
        self._place(payload)
        self._browsers.launch(0)
        from helios_worker.jobs.commands import run_command
        from helios_worker.jobs.commits import read_job
        from helios_worker.stages.chunk import render_chunk

        mark("stage imported")
        store, job = await asyncio.to_thread(read_job, payload.jobPath)
        if payload.chunkIndex >= len(job.chunks):
            raise UserError(f"the job has {len(job.chunks)} chunks; there is no chunk {payload.chunkIndex}")
        if job.helios is None and job.output is not None:
            from helios_worker.stages.commanded import run_chunk

            index, scratch = payload.chunkIndex, self._scratch.path
            return await run_chunk(job, index, store, scratch=scratch, allowed=self._allow_commands)
        if job.helios is None:
            return await run_command(job.chunks[payload.chunkIndex], self._workspace, allowed=self._allow_commands)
        manifest, cached = await render_chunk(job, payload.chunkIndex, store, self._browsers, on_frames=self._on_frames)
        return {
            "chunk": payload.chunkIndex,
            "cached": cached,
            "sha256": manifest.sha256,
            "frames": manifest.frameCount,
        }

    async def _stitch(self, payload: "Payload") -> dict[str, Any]:
        from helios_worker.jobs.commits import read_job
        from helios_worker.stages.stitch import stitch

        root, _ = self._place(payload)
        store, job = await asyncio.to_thread(read_job, payload.jobPath)
        output = job.output if job.helios is None and job.output is not None else job.ours.output
        if output is None:
            raise UserError(f"job {job.id} has no output")
        self._check_output(output, root)
        if job.helios is None:
            from helios_worker.stages.commanded import merge

            scratch = self._scratch.path
            return (await merge(job, store, output, scratch=scratch, allowed=self._allow_commands)).model_dump()
        return (await stitch(job, store, output, scratch=self._scratch.path)).model_dump()

    def _place(self, payload: "Payload") -> tuple[str, str]:
        """The store's URL, and the key in it of the payload's request or job.

        Raises:
            UserError: the path is not in a store, or the store is not allowed.
        """
        root, key = split_url(payload.jobPath, "requests/" if payload.stage is Stage.PLAN else "jobs/")
        self._allowed.check(root, "the artifact store")
        return root, key

    def _check_output(self, output: str, root: str) -> None:
        """Refuses an output that is not allowed, or that would replace artifacts.

        Raises:
            UserError: as described, or it is not an address.
        """
        self._allowed.check(output, "the output")
        if is_artifact(store_address(output), store_address(root)):
            raise UserError(
                f"the output {shown(output)} would lie among the artifacts of {shown(root)}",
                remedy="choose another folder for it, such as out/ beside them",
            )

    def _failure(self, payload: "Payload", error: HeliosError) -> "Reply":
        result: dict[str, Any] = {"error": type(error).__name__, "remedy": error.remedy, **error.facts}
        if isinstance(error, FrameNeverReady):
            result["report"] = self._keep_report(payload, error)
        if isinstance(error, PageError) and error.pictures:
            result["report"] = self._keep_pictures(payload, error.pictures)
        # A film does not end for what may have been a fault of the browser's own, and will not happen twice then.
        is_doubtful = isinstance(error, StackOverflow) and payload.stage is Stage.CHUNK and payload.attempt == 1
        code = ExitCode.RETRYABLE if is_doubtful else error.exit_code
        return _reply(code, printable_lines(str(error)), result=result)

    def _keep_report(self, payload: "Payload", error: FrameNeverReady) -> str | None:
        """Stores the report of a stuck frame, and its picture, beside the job."""
        from helios_worker.artifacts.store import ArtifactStore

        report = dict(error.report)
        picture = report.pop("screenshot", None)
        try:
            root, key = self._place(payload)
            folder = key.rpartition("/")[0] if payload.stage is not Stage.PLAN else key.removesuffix(".json")
            store = ArtifactStore(root)
            name = f"{folder}/stuck/{payload.stage}-{payload.chunkIndex:05d}-a{payload.attempt}"
            store.put(f"{name}.json", orjson.dumps(report, option=orjson.OPT_INDENT_2))
            if picture:
                store.put(f"{name}.png", base64.b64decode(picture))
            return f"{root}{name}.json"
        except HeliosError:
            log.exception("the report of a stuck frame could not be stored")
            return None

    def _keep_pictures(self, payload: "Payload", pictures: Mapping[str, bytes]) -> str | None:
        """Stores pictures that show what is wrong beside the job. The address of the first."""
        from helios_worker.artifacts.store import ArtifactStore

        try:
            root, key = self._place(payload)
            name = f"{key.rpartition('/')[0]}/stuck/{payload.stage}-{payload.chunkIndex:05d}-a{payload.attempt}"
            store, kept = ArtifactStore(root), []
            for label, data in pictures.items():
                kept.append(f"{name}-{label}.{'png' if data.startswith(PNG_SIGNATURE) else 'jpg'}")
                store.put(kept[-1], data)
            return f"{root}{kept[0]}" if kept else None
        except HeliosError:
            log.exception("the pictures of a failure could not be stored")
            return None


def _reply(code: int, stderr: str = "", *, stdout: str = "", result: dict[str, Any] | None = None) -> "Reply":
    from helios_crds.wire import Reply

    return Reply(exitCode=code, stdout=stdout, stderr=stderr, result=result)


def _request_text(request: dict[str, Any]) -> bytes:
    """A request in a payload as JSON.

    Raises:
        UserError: it cannot be written: it is nested too deep, or holds numbers or texts that JSON has not.
    """
    try:
        return orjson.dumps(request)
    except TypeError as error:
        raise UserError(f"the request cannot be written as JSON: {error}") from None
