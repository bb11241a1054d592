"""`heliosctl render`: a page in, a film out."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from helios_crds.remedies import in_flags
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.artifacts.urls import split_object
from helios_worker.errors import UserError
from helios_worker.network.origin_headers import NO_HEADERS, OriginHeaders
from heliosctl.arguments.buckets import check_bucket, open_artifacts
from heliosctl.arguments.headers import page_headers
from heliosctl.arguments.options import (
    AudioOptions,
    EncodeOptions,
    FilmOptions,
    HeaderOptions,
    PageOptions,
    ReportingOptions,
    StoreOptions,
    TargetOptions,
    WorkerOptions,
    refuse_options,
    takes,
)
from heliosctl.arguments.output import check_output
from heliosctl.arguments.request import build_request
from heliosctl.arguments.source import resolve_source
from heliosctl.arguments.targets import check_store, read_targets
from heliosctl.commands.job_file import is_job_file, run_job_file
from heliosctl.errors import Stopped
from heliosctl.local.catalogue import KEEP, tidy
from heliosctl.local.driver import Driver, Outcome, committed_chunks
from heliosctl.local.workers import fleet, local_fleet
from heliosctl.terminal import interrupt
from heliosctl.terminal.progress import print_slowness, progress_for
from heliosctl.terminal.report import counted, print_json, print_labelled, size_text, stderr, time_text

SOURCE = typer.Argument(
    help="An HTML file, a folder with an index.html, an archive of such a folder (.tar.gz, .zip), an http(s) address, "
    "any of these in a bucket (s3://, gs://, az://), or - for HTML on standard input.",
    show_default=False,
    metavar="SOURCE",
)


OUTPUT = typer.Option("--output", "-o", help="Output file, such as out.mp4. Only a job.json needs none.", metavar="OUT")


@takes(
    film=FilmOptions,
    encode=EncodeOptions,
    audio=AudioOptions,
    page=PageOptions,
    headers=HeaderOptions,
    workers=WorkerOptions,
    targets=TargetOptions,
    store=StoreOptions,
    reporting=ReportingOptions,
)
def render(
    source: Annotated[str, SOURCE],
    film: FilmOptions,
    encode: EncodeOptions,
    audio: AudioOptions,
    page: PageOptions,
    headers: HeaderOptions,
    workers: WorkerOptions,
    targets: TargetOptions,
    store: StoreOptions,
    reporting: ReportingOptions,
    output: Annotated[str | None, OUTPUT] = None,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep",
            help="Keep this job's chunks until `jobs rm`. Otherwise the default artifact store removes jobs that were "
            "not used for 30 days; other stores keep them.",
        ),
    ] = False,
) -> None:
    """Render a page to a film: heliosctl render page.html -o out.mp4.

    An interrupted render continues when the same command is run again: finished chunks are kept in the artifact
    store and never rendered twice.

    SOURCE may also be a job.json whose chunks are commands, as the Helios renderer writes it: they are run.
    """
    started = time.monotonic()
    if is_job_file(source):
        why = f"cannot be used with {source}: the job's own commands render it"
        refuse_options(
            why, f"leave it out, or render the page instead of {source}", film, encode, audio, page, headers, targets
        )
        run_job_file(source, output, workers, store, reporting)
        return
    if output is None:
        raise UserError("no output file given", remedy="add -o out.mp4")
    target = check_output(output)
    request = build_request(resolve_source(source, store.url, page.entry), film, page, encode, audio, output=target)
    sent = page_headers(headers, request.composition.url)
    artifacts = open_artifacts(store.url)
    check_bucket(split_object(target)[0])
    outcome = drive(artifacts, workers, targets, lambda driver: driver.render(request), sent)
    if keep:
        artifacts.put(f"jobs/{outcome.job.id}/{KEEP}", b"")
    if store.is_default:
        tidy(artifacts, datetime.now(UTC))
    print_outcome(outcome, time.monotonic() - started, output, reporting)


def drive(
    store: ArtifactStore,
    workers: WorkerOptions,
    targets: TargetOptions,
    work: Callable[[Driver], Awaitable[Outcome]],
    headers: OriginHeaders = NO_HEADERS,
) -> Outcome:
    """Renders with workers on this machine, or on the targets named by --target, and shows progress.

    headers: what workers on this machine send the page's server in addition.

    Raises:
        Stopped: by a signal; the message says what is kept.
        HeliosError: the render failed for good, or --target is wrong.
    """
    drivers: list[Driver] = []
    destinations = read_targets(targets.target) if targets.target is not None else []
    check_store(destinations, store)

    async def run() -> Outcome:
        with progress_for(stderr()) as progress:
            ready = (
                fleet(destinations, workers, progress, headers)
                if destinations
                else local_fleet(workers, progress, headers)
            )
            async with ready as targets_at_work:
                drivers.append(Driver(targets_at_work, store, progress, workers.retries))
                return await work(drivers[0])

    try:
        return interrupt.run(run())
    except Stopped as stopped:
        raise Stopped(
            stopped.stop_code, what_is_kept(store, drivers), remedy="run the same command again to continue"
        ) from None


def sound_text(sound: dict[str, Any] | None) -> str:
    """What is heard of a film, as a part of a line; "" for a silent one."""
    if sound is None:
        return ""
    loudness = "" if sound["loudness"] is None else f" ({sound['loudness']:.1f} LUFS)"
    return f", with sound of {counted(sound['sources'], 'file')}{loudness}"


def what_is_kept(store: ArtifactStore, drivers: list[Driver]) -> str:
    """What an interrupted render leaves, as a message."""
    job = drivers[0].job if drivers else None
    if job is None:
        return "interrupted before the plan was made"
    return f"{len(committed_chunks(store, job))} of {len(job.chunks)} chunks are finished and kept"


def print_outcome(outcome: Outcome, elapsed: float, shown: str, reporting: ReportingOptions) -> None:
    """Prints where the film is, its length and size, and how long the render took."""
    job, stitched = outcome.job, outcome.stitched
    encoder = job.ours.film.encoder
    rendered = sum(chunk.frameCount for chunk in job.chunks if chunk.id not in outcome.cached)
    if reporting.as_json:
        print_json(
            {
                "output": stitched["output"],
                "frames": stitched["frames"],
                "duration": stitched["duration"],
                "width": encoder.width,
                "height": encoder.height,
                "fps": str(encoder.fps),
                "bytes": stitched["bytes"],
                "sha256": stitched["sha256"],
                "sound": stitched.get("sound"),
                "jobId": job.id,
                "jobPath": outcome.job_path,
                "chunks": len(job.chunks),
                "cachedChunks": len(outcome.cached),
                "renderedFrames": rendered,
                "seconds": {**outcome.seconds, "all": elapsed},
                "framesPerSecond": rendered / elapsed,
                "warnings": [*map(in_flags, job.ours.warnings), *stitched["warnings"]],
            }
        )
        return
    console = stderr()
    for warning in stitched["warnings"]:
        print_labelled(console, "Warning", warning)
    sound = sound_text(stitched.get("sound"))
    reused = f", {len(outcome.cached)} of {len(job.chunks)} chunks were already rendered" if outcome.cached else ""
    speed = f" ({rendered / elapsed:.1f} fps{reused})" if rendered else f" ({reused.removeprefix(', ')})"
    line = (
        f"{shown}: {time_text(stitched['duration'])}, {counted(stitched['frames'], 'frame')} of "
        f"{encoder.width}×{encoder.height} at {encoder.fps} fps, {size_text(stitched['bytes'])}{sound}, "
        f"took {time_text(elapsed)}{speed}"
    )
    console.print(line, markup=False, soft_wrap=True)
    if rendered:
        print_slowness(console, job)
