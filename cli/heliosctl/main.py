"""`heliosctl`: the commands."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from helios_operator.adapters.local import LocalAdapter, LocalConfig
from helios_worker.errors import HeliosError
from helios_worker.store import ArtifactStore
from heliosctl.options import CutOptions, PageOptions, WorkerOptions, artifacts_url, request_from, takes
from heliosctl.progress import LineProgress
from heliosctl.render import Driver, Outcome, StageFailed

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
console = Console(stderr=True)


@app.callback()
def heliosctl() -> None:
    """Web pages with a time axis, rendered to exact video in parallel chunks."""


@app.command()
@takes(page=PageOptions, cut=CutOptions, workers=WorkerOptions)
def render(
    source: Annotated[str, typer.Argument()],
    output: Annotated[Path, typer.Option("-o", "--output")],
    page: PageOptions,
    cut: CutOptions,
    workers: WorkerOptions,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Render a page to a film."""
    try:
        outcome = asyncio.run(_render(source, output, page, cut, workers))
    except StageFailed as error:
        console.print(str(error), markup=False)
        raise typer.Exit(error.code) from None
    except HeliosError as error:
        console.print(str(error), markup=False)
        raise typer.Exit(error.exit_code) from None
    if as_json:
        report: dict[str, Any] = {
            **outcome.stitched,
            "jobId": outcome.job.id,
            "jobPath": outcome.job_path,
            "seconds": outcome.seconds,
            "chunks": len(outcome.job.chunks),
            "cachedChunks": outcome.cached,
            "warnings": [*outcome.job.ours.warnings, *outcome.stitched["warnings"]],
        }
        sys.stdout.write(orjson.dumps(report).decode() + "\n")
    console.print(f"{outcome.stitched['output']}: {outcome.stitched['frames']} frames", markup=False)


async def _render(source: str, output: Path, page: PageOptions, cut: CutOptions, workers: WorkerOptions) -> Outcome:
    request = request_from(source, page, cut, output=str(output.absolute()))
    store = ArtifactStore(artifacts_url(page.artifacts))
    listener = LineProgress(console)
    adapter = LocalAdapter()
    deployment = await adapter.deploy(
        LocalConfig(workers=workers.workers, lanes=workers.lanes, on_frames=listener.frames)
    )
    try:
        return await Driver(adapter, deployment, store, listener, workers.retries).render(request)
    finally:
        await adapter.close()
