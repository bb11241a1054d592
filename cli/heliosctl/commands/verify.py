"""`heliosctl verify`: checks that a film is complete, and that it is the film its plan describes."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from helios_crds.wire import ExitCode
from helios_worker.artifacts.digests import file_digest
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import local_path, split_url
from helios_worker.errors import UserError
from helios_worker.jobs.commits import read_job
from helios_worker.jobs.spec import JobSpec
from helios_worker.machine import cpu_count
from heliosctl.arguments.options import ReportingOptions, StoreOptions, takes
from heliosctl.local.catalogue import find_job
from heliosctl.terminal.report import print_json, sentence, size_text, stdout

if TYPE_CHECKING:
    from helios_worker.encode.proof.verify import VideoReport

COLOURS = {(1, 1, 1, 1): "BT.709, limited range", (1, 1, 1, 2): "BT.709, full range"}


@takes(store=StoreOptions, reporting=ReportingOptions)
def verify(
    file: Annotated[
        str, typer.Argument(help="A film: any video file that FFmpeg can read.", show_default=False, metavar="FILE")
    ],
    store: StoreOptions,
    reporting: ReportingOptions,
    plan: Annotated[
        str | None,
        typer.Option(
            "--plan", help="Job that made the film: its ID, or the path or URL of its job.json.", metavar="JOB"
        ),
    ] = None,
    no_decode: Annotated[
        bool, typer.Option("--no-decode", help="Count packets only: fast, but misses damage inside them.")
    ] = False,
) -> None:
    """Check a film: every frame present, in order and decodable, sound in sync, and as planned.

    The exit code is 0 if no problem is found, and 1 otherwise.
    """
    from helios_worker.encode.proof.verify import verify_video

    path = Path(file)
    if not path.is_file():
        raise UserError(f"film {file} not found", remedy="check its path")
    job = None if plan is None else _job(plan, store)
    film = None if job is None else job.ours.film
    report = verify_video(
        path,
        frames=None if film is None else film.end - film.first,
        fps=None if film is None else film.encoder.fps,
        width=None if film is None else film.encoder.width,
        height=None if film is None else film.encoder.height,
        decode=not no_decode,
        threads=cpu_count(),
    )
    if reporting.as_json:
        print_json(_as_json(file, path, report, job))
    else:
        _show(stdout(), file, path, report, planned=job is not None)
    raise typer.Exit(ExitCode.DONE if report.ok else ExitCode.RETRYABLE)


def _job(plan: str, store: StoreOptions) -> JobSpec:
    """The job of an ID, a path or a URL."""
    path = local_path(plan) if "/" in plan or os.sep in plan else None
    if path is not None and path.is_file():
        return read_job(path.as_uri())[1]
    if "://" in plan:
        split_url(plan, "jobs/")
        return read_job(plan)[1]
    return find_job(ArtifactStore(store.url), plan).job


def _as_json(file: str, path: Path, report: "VideoReport", job: JobSpec | None) -> dict[str, Any]:
    return {
        "file": file,
        "ok": report.ok,
        **report.model_dump(mode="json"),
        "bytes": path.stat().st_size,
        "sha256": file_digest(path),
        "jobId": None if job is None else job.id,
    }


def _show(console: Console, file: str, path: Path, report: "VideoReport", *, planned: bool) -> None:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    colour = report.color
    named = COLOURS.get((colour.matrix, colour.transfer, colour.primaries, colour.range))
    tags = f"matrix {colour.matrix}, transfer {colour.transfer}, primaries {colour.primaries}, range {colour.range}"
    grid.add_row("Video", f"{report.codec}, {report.width}×{report.height}, {report.fps} fps, {report.pixel_format}")
    grid.add_row("Length", f"{report.duration:.3f} s, {report.frames} frames, {size_text(path.stat().st_size)}")
    grid.add_row("Colour", named or tags)
    grid.add_row("Key frames", str(report.keyframes))
    if report.faststart is not None:
        grid.add_row("Plays while loading", "yes (faststart)" if report.faststart else "no: its index is at the end")
    if report.audio is not None:
        sound = report.audio
        grid.add_row(
            "Sound",
            f"{sound.codec}, {sound.sample_rate} Hz, {sound.channels} channels, {sound.start:.3f} to {sound.end:.3f} s",
        )
    else:
        grid.add_row("Sound", "none")
    against = ", against its plan" if planned else ""
    grid.add_row("Checked", ("every frame decoded" if report.decoded else "packets counted, not decoded") + against)
    verdict = Text(f"{file}: ", style="bold")
    if report.ok:
        verdict.append("no problems found", style="green")
    else:
        count = len(report.problems)
        verdict.append("1 problem" if count == 1 else f"{count} problems", style="red")
    console.print(verdict)
    console.print(grid)
    for problem in report.problems:
        console.print(Text("  ✗ ", style="red").append(sentence(problem), style="default"), soft_wrap=True)
