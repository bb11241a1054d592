"""`heliosctl render job.json`: runs a job whose chunks are commands, as the Helios renderer writes it."""

import time
from pathlib import Path

from helios_worker.artifacts.store import ArtifactStore
from helios_worker.errors import UserError
from heliosctl.arguments.options import ReportingOptions, StoreOptions, WorkerOptions
from heliosctl.errors import Stopped
from heliosctl.local.command_jobs import CommandJob, read_command_job, run_commands
from heliosctl.terminal import interrupt
from heliosctl.terminal.progress import progress_for
from heliosctl.terminal.report import print_json, stderr, time_text


def run_job_file(
    source: str, output: str | None, workers: WorkerOptions, store: StoreOptions, reporting: ReportingOptions
) -> None:
    """Runs a job's commands, as many at once as there are workers, and its merge command."""
    started = time.monotonic()
    job = read_command_job(Path(source))
    if output is not None:
        raise UserError(
            f"-o cannot be used with {source}: the job's own commands decide where the film goes",
            remedy="leave out -o, or render the page",
        )
    try:
        interrupt.run(_run(job, ArtifactStore(store.url), workers))
    except Stopped as stopped:
        raise Stopped(
            stopped.stop_code, "finished chunks are kept", remedy="run the same command again to continue"
        ) from None
    elapsed = time.monotonic() - started
    chunks = len(job.spec.chunks)
    if reporting.as_json:
        print_json(
            {
                "jobId": job.spec.id,
                "frames": job.spec.metadata.totalFrames,
                "chunks": chunks,
                "cachedChunks": len(job.cached),
                "merged": job.spec.mergeCommand is not None,
                "seconds": {"all": elapsed},
            }
        )
        return
    merged = "merged" if job.spec.mergeCommand else "not merged: the job has no mergeCommand"
    stderr().print(f"{source}: {chunks} chunks, {merged}, in {time_text(elapsed)}", markup=False, soft_wrap=True)


async def _run(job: CommandJob, store: ArtifactStore, workers: WorkerOptions) -> None:
    with progress_for(stderr()) as progress:
        await run_commands(job, store, progress, slots=workers.workers, retries=workers.retries)
