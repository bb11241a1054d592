"""`heliosctl plan`: shows what a render would do."""

from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from helios_crds.remedies import in_flags
from helios_worker.jobs.spec import JobSpec
from helios_worker.machine import cpu_count
from helios_worker.planning.chunking import frame_costs
from heliosctl.arguments.buckets import open_artifacts
from heliosctl.arguments.headers import page_headers
from heliosctl.arguments.options import (
    EncodeOptions,
    FilmOptions,
    HeaderOptions,
    PageOptions,
    ReportingOptions,
    StoreOptions,
    WorkerOptions,
    takes,
)
from heliosctl.arguments.output import check_output
from heliosctl.arguments.request import build_request
from heliosctl.arguments.source import resolve_source
from heliosctl.commands.render import SOURCE
from heliosctl.local.driver import Driver, committed_chunks
from heliosctl.local.workers import local_fleet
from heliosctl.terminal import interrupt
from heliosctl.terminal.curve import bars
from heliosctl.terminal.progress import progress_for
from heliosctl.terminal.report import local_name, print_json, stderr, stdout, time_code, time_text

CURVE_COLUMNS = 60
SHOWN_CHUNKS = 24


@takes(
    film=FilmOptions,
    encode=EncodeOptions,
    page=PageOptions,
    headers=HeaderOptions,
    store=StoreOptions,
    reporting=ReportingOptions,
)
def plan(
    source: Annotated[str, SOURCE],
    film: FilmOptions,
    encode: EncodeOptions,
    page: PageOptions,
    headers: HeaderOptions,
    store: StoreOptions,
    reporting: ReportingOptions,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Use the same -o as render to share its job.", metavar="OUT"),
    ] = None,
) -> None:
    """Show what a render would do: size, rate, length, chunks, estimated work and warnings."""
    target = None if output is None else check_output(output)
    request = build_request(resolve_source(source, store.url, page.entry), film, page, encode, output=target)
    sent = page_headers(headers, request.composition.url)
    artifacts = open_artifacts(store.url)

    async def make() -> tuple[str, JobSpec]:
        with progress_for(stderr()) as progress:
            async with local_fleet(WorkerOptions(lanes=1), progress, sent) as fleet:
                job_path, job = await Driver(fleet, artifacts, progress, WorkerOptions().retries).plan(request)
                progress.planned(job, set())
                return job_path, job

    job_path, job = interrupt.run(make())
    cached = committed_chunks(artifacts, job)
    if reporting.as_json:
        print_json(as_json(job, job_path, cached))
    else:
        show(stdout(), job, job_path, cached)


def as_json(job: JobSpec, job_path: str, cached: set[int]) -> dict[str, Any]:
    """The plan for programs."""
    film = job.ours.film
    return {
        "jobId": job.id,
        "jobPath": job_path,
        "width": film.encoder.width,
        "height": film.encoder.height,
        "fps": str(film.encoder.fps),
        "frames": film.end - film.first,
        "duration": float((film.end - film.first) / film.encoder.fps),
        "range": [film.first, film.end],
        "stateful": film.stateful,
        "unitFrames": film.encoder.unit_frames,
        "estimatedSeconds": estimated(job),
        "costs": [point.model_dump() for point in job.ours.costs],
        "chunks": [
            {
                "id": chunk.id,
                "startFrame": chunk.startFrame,
                "frameCount": chunk.frameCount,
                "estimatedSeconds": chunk.cost,
                "cached": chunk.id in cached,
            }
            for chunk in job.chunks
        ],
        "cachedChunks": len(cached),
        "warnings": [in_flags(text) for text in job.ours.warnings],
    }


def estimated(job: JobSpec, skip: frozenset[int] = frozenset()) -> float:
    """Seconds of single-core work, without the chunks to skip."""
    return sum(chunk.cost or 0.0 for chunk in job.chunks if chunk.id not in skip)


def show(console: Console, job: JobSpec, job_path: str, cached: set[int]) -> None:
    """The plan for people."""
    film = job.ours.film
    frames = film.end - film.first
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("Picture", f"{film.encoder.width}×{film.encoder.height}, {film.encoder.fps} fps")
    part = f", frames {film.first} to {film.end - 1} of {film.frames}" if frames < film.frames else ""
    facts.add_row("Length", f"{time_text(float(frames / film.encoder.fps))}, {frames} frames{part}")
    facts.add_row(
        "Frames", "need all frames before them (stateful)" if film.stateful else "can be reached by jumping (seekable)"
    )
    facts.add_row(
        "Video", f"{film.encoder.codec}, crf {film.encoder.crf}, {film.encoder.preset}, {film.capture} captures"
    )
    left = estimated(job, frozenset(cached))
    processors = cpu_count()
    spread = f", {time_text(left / processors)} on this machine's {processors} cores" if processors > 1 else ""
    facts.add_row("Work", f"about {time_text(left)} on one core{spread}")
    facts.add_row("Job", local_name(job_path))
    console.print(facts)
    console.print()
    console.print(_curve(job, min(CURVE_COLUMNS, console.width - 16)))
    console.print()
    console.print(_chunks(job, cached))


def _curve(job: JobSpec, columns: int) -> Group:
    """Milliseconds per frame, from the first frame to the last."""
    film = job.ours.film
    frames = film.end - film.first
    columns = max(1, min(columns, frames))
    curve = frame_costs(film, list(job.ours.costs))
    values = [1000 * curve.at(film.first + (2 * k + 1) * frames // (2 * columns)) for k in range(columns)]
    lines = bars(values)
    peak = f"{max(values):.0f} ms"
    text = Text()
    for row, line in enumerate(lines):
        label = peak if row == 0 else ("0" if row == len(lines) - 1 else "")
        text.append(f"{label:>9} ", style="dim")
        text.append(f"{line}\n", style="cyan")
    start, end = f"{film.first}", f"frame {film.end - 1}"
    text.append(" " * 10 + start + end.rjust(max(len(end) + 1, columns - len(start))), style="dim")
    return Group(Text("Cost per frame", style="bold"), text)


def _chunks(job: JobSpec, cached: set[int]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for name in ("chunk", "first frame", "frames", "starts at", "work"):
        table.add_column(name, justify="right")
    table.add_column("")
    hidden = len(job.chunks) - SHOWN_CHUNKS
    shown = job.chunks if hidden <= 1 else (*job.chunks[: SHOWN_CHUNKS - 1], job.chunks[-1])
    for chunk in shown:
        if hidden > 1 and chunk is job.chunks[-1]:
            table.add_row("…", "", "", "", "", Text(f"{len(job.chunks) - len(shown)} more", style="dim"))
        table.add_row(
            str(chunk.id),
            str(chunk.startFrame),
            str(chunk.frameCount),
            time_code(chunk.startFrame, job.fps),
            time_text(chunk.cost or 0.0),
            Text("already rendered", style="green") if chunk.id in cached else "",
        )
    return table
