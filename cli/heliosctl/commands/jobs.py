"""`heliosctl jobs`: lists, shows, finishes and removes the jobs in the artifact store."""

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from helios_crds.remedies import in_flags
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import split_object
from helios_worker.errors import UserError
from helios_worker.jobs.layout import manifest_key
from helios_worker.jobs.spec import Manifest
from heliosctl.arguments.buckets import check_bucket, existing_artifacts
from heliosctl.arguments.command import Commands
from heliosctl.arguments.headers import page_headers
from heliosctl.arguments.options import (
    HeaderOptions,
    ReportingOptions,
    StoreOptions,
    TargetOptions,
    WorkerOptions,
    takes,
)
from heliosctl.arguments.output import check_output
from heliosctl.arguments.times import age
from heliosctl.commands.outcome import print_outcome
from heliosctl.local.catalogue import StoredJob, find_job, list_jobs, remove_jobs, stale_jobs
from heliosctl.local.drive import drive
from heliosctl.terminal.report import local_name, print_json, size_text, stderr, stdout, time_text

jobs = Commands()
ID = typer.Argument(help="Job ID, or its first characters.", show_default=False, metavar="ID")
MAP_WIDTH = 100
WIDE_COLUMNS = 90
MIN_WIDTHS = {"job": 10, "state": 8}
"""On a narrow terminal the rest goes first: a job is told by its ID and its state."""


@jobs.callback()
def about() -> None:
    """List, finish and remove the jobs in the artifact store."""


@jobs.command("list")
@takes(store=StoreOptions, reporting=ReportingOptions)
def show_list(store: StoreOptions, reporting: ReportingOptions) -> None:
    """List jobs, most recently used first."""
    found = list_jobs(existing_artifacts(store))
    if reporting.as_json:
        print_json({"jobs": [_as_json(job, store) for job in found]})
        return
    console = stdout()
    if not found:
        console.print(f"There are no jobs in {local_name(store.url)}.", markup=False, soft_wrap=True)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    is_wide = not console.is_terminal or console.width >= WIDE_COLUMNS
    for name in ("job", "used", "state", "chunks", *(("film", "size") if is_wide else ())):
        table.add_column(name, no_wrap=True, min_width=MIN_WIDTHS.get(name))
    table.add_column("output", overflow="fold")
    now = datetime.now(UTC)
    for job in found:
        film = (_film_text(job), size_text(job.final.bytes) if job.final else "")
        table.add_row(
            job.job.id[:10],
            age_text(now - job.used),
            job.state + (", kept" if job.kept else ""),
            f"{len(job.done)}/{len(job.job.chunks)}",
            *(film if is_wide else ()),
            local_name((job.job.helios.output if job.job.helios else None) or ""),
        )
    console.print(table, soft_wrap=not console.is_terminal)


@jobs.command("show")
@takes(store=StoreOptions, reporting=ReportingOptions)
def show(job_id: Annotated[str, ID], store: StoreOptions, reporting: ReportingOptions) -> None:
    """Show one job: its film, which chunks are finished, and how long they took."""
    artifacts = existing_artifacts(store)
    job = find_job(artifacts, job_id)
    manifests = _manifests(artifacts, job)
    if reporting.as_json:
        chunks = {index: manifest.model_dump(mode="json") for index, manifest in manifests.items()}
        print_json(
            {
                **_as_json(job, store),
                "manifests": chunks,
                "warnings": [in_flags(text) for text in job.job.ours.warnings],
            }
        )
        return
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("Job", job.job.id)
    grid.add_row(
        "State", f"{job.state}, {len(job.done)} of {len(job.job.chunks)} chunks" + (", kept" if job.kept else "")
    )
    grid.add_row("Film", _film_text(job))
    grid.add_row("Output", local_name(job.job.ours.output or "none (planned only)"))
    if job.final is not None:
        grid.add_row("SHA-256", job.final.sha256)
    grid.add_row("Segments", f"{size_text(sum(manifest.bytes for manifest in manifests.values()))}")
    spent = sum(manifest.seconds.get("render", 0.0) for manifest in manifests.values())
    grid.add_row("Render time", time_text(spent))
    grid.add_row("Made by", f"{job.job.ours.engine.package}, {job.job.ours.engine.browser}, {job.job.ours.engine.cpu}")
    grid.add_row("Job file", local_name(job.path(artifacts)))
    console = stdout()
    console.print(grid)
    _print_map(console, job)
    for warning in map(in_flags, job.job.ours.warnings):
        console.print(f"Warning: {warning}", markup=False, soft_wrap=True)


@jobs.command("resume")
@takes(
    headers=HeaderOptions,
    workers=WorkerOptions,
    targets=TargetOptions,
    store=StoreOptions,
    reporting=ReportingOptions,
)
def resume(
    job_id: Annotated[str, ID],
    headers: HeaderOptions,
    workers: WorkerOptions,
    targets: TargetOptions,
    store: StoreOptions,
    reporting: ReportingOptions,
) -> None:
    """Finish an interrupted job by its ID: render the missing chunks, then join the film."""
    started = time.monotonic()
    artifacts = existing_artifacts(store)
    job = find_job(artifacts, job_id)
    output = job.job.ours.output
    if output is None:
        raise UserError(f"job {job.job.id} was planned without an output", remedy="run heliosctl render with -o")
    check_output(output)
    check_bucket(split_object(output)[0])
    sent = page_headers(headers, job.job.ours.film.url)
    path = job.path(artifacts)
    outcome, _ = drive(lambda: (artifacts, lambda driver: driver.finish(path)), workers, targets, store.url, sent)
    print_outcome(outcome, time.monotonic() - started, output, reporting)


@jobs.command("rm")
@takes(store=StoreOptions, reporting=ReportingOptions)
def remove(
    job_ids: Annotated[list[str], ID],
    store: StoreOptions,
    reporting: ReportingOptions,
) -> None:
    """Remove jobs, and the chunks and files that no other job needs. Finished films stay."""
    artifacts = existing_artifacts(store)
    found = [find_job(artifacts, job_id) for job_id in job_ids]
    for job in found:
        if job.driver is not None:
            raise UserError(f"job {job.job.id} is being rendered by pid {job.driver}", remedy="stop that process first")
    count, size = remove_jobs(artifacts, found)
    _print_removed([job.job.id for job in found], count, size, reporting)


@jobs.command("prune")
@takes(store=StoreOptions, reporting=ReportingOptions)
def prune(
    store: StoreOptions,
    reporting: ReportingOptions,
    older_than: Annotated[
        str, typer.Option("--older-than", help="Remove jobs not used for this long: 12h, 7d or 4w.", metavar="TIME")
    ] = "30d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the jobs, but remove nothing.")] = False,
) -> None:
    """Remove jobs that were not used for a while, and files that no job needs. Finished films stay."""
    artifacts = existing_artifacts(store)
    before = datetime.now(UTC) - age(older_than, option="--older-than")
    found = stale_jobs(artifacts, before)
    if dry_run:
        if reporting.as_json:
            print_json({"jobs": [job.job.id for job in found]})
            return
        for job in found:
            stdout().print(
                f"{job.job.id[:10]}  {_film_text(job)}  {local_name(job.job.ours.output or '')}", markup=False
            )
        stderr().print(f"{len(found)} jobs would be removed.")
        return
    count, size = remove_jobs(artifacts, found, older=before)
    _print_removed([job.job.id for job in found], count, size, reporting)


def age_text(since: timedelta) -> str:
    """How long ago, in the largest unit that fits.

    >>> age_text(timedelta(minutes=90))
    '1 h ago'
    """
    seconds = since.total_seconds()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"


def _film_text(job: StoredJob) -> str:
    metadata = job.job.metadata
    return f"{metadata.width}×{metadata.height}, {metadata.fps:g} fps, {time_text(metadata.duration)}"


def _manifests(store: ArtifactStore, job: StoredJob) -> dict[int, Manifest]:
    found = {index: store.get_json(manifest_key(job.job.chunks[index].key)) for index in sorted(job.done)}
    return {index: Manifest.model_validate(value) for index, value in found.items() if value is not None}


def _print_map(console: Console, job: StoredJob) -> None:
    """One character for each chunk: # is finished, . is missing."""
    line = "".join("#" if chunk.id in job.done else "." for chunk in job.job.chunks)
    console.print("Chunks (# finished, . missing)", style="bold")
    for start in range(0, len(line), MAP_WIDTH):
        console.print(f"{start:>6}  {line[start : start + MAP_WIDTH]}", markup=False, soft_wrap=True)


def _as_json(job: StoredJob, store: StoreOptions) -> dict[str, Any]:
    ours = job.job.helios
    return {
        "jobId": job.job.id,
        "jobPath": job.path(ArtifactStore(store.url)),
        "state": job.state,
        "used": job.used.isoformat(),
        "kept": job.kept,
        "output": ours.output if ours else None,
        "metadata": job.job.metadata.model_dump(),
        "chunks": len(job.job.chunks),
        "finishedChunks": len(job.done),
        "final": job.final.model_dump() if job.final else None,
    }


def _print_removed(ids: list[str], count: int, size: int, reporting: ReportingOptions) -> None:
    if reporting.as_json:
        print_json({"jobs": ids, "objects": count, "bytes": size})
        return
    what = "1 job" if len(ids) == 1 else f"{len(ids)} jobs"
    stderr().print(f"Removed {what}: {count} files, {size_text(size)}.")
