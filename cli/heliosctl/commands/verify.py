"""`heliosctl verify`: checks that a film is complete, and that it is the film its plan describes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from helios_crds.wire import ExitCode
from helios_worker.artifacts.digests import file_digest
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import absolute, split_url
from helios_worker.jobs.commits import read_job
from helios_worker.jobs.layout import final_key
from helios_worker.jobs.spec import JobSpec
from helios_worker.machine import cpu_count
from heliosctl.arguments.buckets import existing_artifacts
from heliosctl.arguments.options import ReportingOptions, StoreOptions, takes
from heliosctl.arguments.source import check_film
from heliosctl.local.catalogue import find_job, read_model
from heliosctl.terminal.report import message, print_json, size_text, stdout

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

    path = check_film(file)
    artifacts, job = (None, None) if plan is None else _job(plan, store)
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
    digest = file_digest(path)
    recorded = recorded_digest(artifacts, job) if artifacts is not None and job is not None else None
    if recorded not in (None, digest):
        problem = f"SHA-256 {digest[:12]}…, not the {recorded[:12]}… of the film that the job made"
        report = report.model_copy(update={"problems": (problem, *report.problems)})
    if reporting.as_json:
        print_json(_as_json(file, path, report, job, digest, recorded))
    else:
        alone = "its plan alone: no finished film is on the job's record"
        against = None if job is None else ("its plan and its SHA-256" if recorded else alone)
        _show(stdout(), file, path, report, against)
    raise typer.Exit(ExitCode.DONE if report.ok else ExitCode.RETRYABLE)


def _job(plan: str, store: StoreOptions) -> tuple[ArtifactStore, JobSpec]:
    """The job of an ID, a path or a URL, and the store it lies in."""
    if Path(plan).is_file():
        return read_job(absolute(Path(plan)).as_uri())
    if "://" in plan:
        split_url(plan, "jobs/")
        return read_job(plan)
    artifacts = existing_artifacts(store)
    return artifacts, find_job(artifacts, plan).job


def recorded_digest(store: ArtifactStore, job: JobSpec) -> str | None:
    """The SHA-256 of the film that a job made; None if there is none on record."""
    from helios_worker.stages.stitch import StitchResult

    found = read_model(store, final_key(job.id), StitchResult)
    return None if found is None else found.sha256


def _as_json(
    file: str, path: Path, report: "VideoReport", job: JobSpec | None, digest: str, recorded: str | None
) -> dict[str, Any]:
    return {
        "file": file,
        "ok": report.ok,
        **report.model_dump(mode="json", by_alias=True),
        "bytes": path.stat().st_size,
        "sha256": digest,
        "jobId": None if job is None else job.id,
        "jobSha256": recorded,
    }


def _show(console: Console, file: str, path: Path, report: "VideoReport", against: str | None) -> None:
    """against: what the film was compared with; None if with nothing."""
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
    how = "every frame decoded" if report.decoded else "packets counted, not decoded"
    grid.add_row("Checked", how if against is None else f"{how}, against {against}")
    verdict = Text(f"{file}: ", style="bold")
    if report.ok:
        verdict.append("no problems found", style="green")
    else:
        count = len(report.problems)
        verdict.append("1 problem" if count == 1 else f"{count} problems", style="red")
    console.print(verdict)
    console.print(grid)
    for problem in report.problems:
        console.print(Text("  ✗ ", style="red").append(message(problem), style="default"), soft_wrap=True)
