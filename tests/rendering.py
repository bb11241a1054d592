"""Rendering for tests: a composition in, an MP4 out, by the stages that every user's render goes through.

`heliosctl render` starts a worker process, and with it a browser, for each render. A WarmRenderer drives the
same plan, chunks and stitch on a worker that stays, which takes a third of the time for a film of two seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from helios_adapters import CloudAdapter, Deployment
from helios_crds.request import ChunkingRequest, CompositionRequest, RenderRequest, VideoRequest
from helios_crds.wire import Payload, Reply, Stage
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.jobs.spec import JobSpec
from helios_worker.network.addresses import AddressRule
from helios_worker.runtime import WorkerRuntime
from heliosctl.local.driver import Driver, Outcome
from heliosctl.local.fleet import Fleet


class WarmRenderer(CloudAdapter[None]):
    """A worker with so many lanes that renders one film after the other. Use it in a `with` block."""

    def __init__(self, workspace: Path, *, lanes: int) -> None:
        # A runtime belongs to one thread.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"worker-{lanes}-lanes")
        self._runtime = self._thread.submit(
            WorkerRuntime, workspace, lanes=lanes, addresses=AddressRule(loopback=True)
        ).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.submit(self._runtime.close).result()
        self._thread.shutdown()

    async def deploy(self, config: None) -> Deployment:
        """It is always ready."""
        return Deployment("warm", slots=1)

    async def invoke(self, payload: Payload, key: str = "") -> Reply:
        """One stage, for the driver."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._runtime.process, payload)

    def render(self, source: Path | str, out: Path, *, artifacts: Path, **asked: Any) -> Outcome:
        """Renders a page, folder or URL. asked: what `request_for` takes.

        Raises StageFailed: a stage failed for good; its message is what the user would read.
        """
        return self.carry_out(request_for(source, out, **asked), artifacts)

    def carry_out(self, request: RenderRequest, artifacts: Path) -> Outcome:
        """Renders what a request asks for, over an artifact store in a folder; raises as `render` does."""
        store = ArtifactStore(artifacts.absolute().as_uri())
        # As a user does: containers that start beside a test change the network, and a page is loaded again.
        driver = Driver(Fleet.of_one(self, 1, _Silent()), store, _Silent(), retries=2)
        return asyncio.run(driver.render(request))


def request_for(
    source: Path | str,
    out: Path,
    *,
    fps: str | None = None,
    props: Mapping[str, Any] | None = None,
    duration: float | None = None,
    chunks: int | None = None,
    frames_per_chunk: int | None = None,
    unit_frames: int | None = None,
    width: int | None = None,
    height: int | None = None,
    seeking: Literal["Auto", "Seekable", "Stateful"] = "Auto",
) -> RenderRequest:
    """The request that `heliosctl render` would make. What is None is left to the page and the defaults."""
    return RenderRequest(
        composition=CompositionRequest(url=str(source), props=props, seeking=seeking),
        video=VideoRequest(width=width, height=height, fps=fps, duration=duration, unitFrames=unit_frames),
        chunking=ChunkingRequest(frames=frames_per_chunk, count=chunks),
        output=str(out.absolute()),
    )


class _Silent:
    """Hears how a render goes and says nothing."""

    def stage(self, stage: Stage) -> None: ...

    def planned(self, job: JobSpec, cached: set[int]) -> None: ...

    def frames(self, chunk: int, count: int) -> None: ...

    def finished(self, chunk: int) -> None: ...

    def failed(self, chunk: int, why: str) -> None: ...

    def say(self, line: str) -> None: ...
