"""`heliosctl render`: a page in, a film out.

Imports little before its workers are started; see `local.drive`.
"""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from helios_worker.errors import UserError
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
from heliosctl.arguments.source import is_job_file, resolve_source, split_source
from heliosctl.local.drive import drive

if TYPE_CHECKING:
    from helios_worker.artifacts.store import ArtifactStore
    from heliosctl.local.drive import Prepared
    from heliosctl.local.driver import Outcome

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
        from heliosctl.commands.job_file import run_job_file

        why = f"cannot be used with {source}: the job's own commands render it"
        refuse_options(
            why, f"leave it out, or render the page instead of {source}", film, encode, audio, page, headers, targets
        )
        run_job_file(source, output, workers, store, reporting)
        return
    if output is None:
        raise UserError("no output file given", remedy="add -o out.mp4")
    target = check_output(output)
    url = resolve_source(source, store.url, page.entry)

    def prepare() -> "Prepared[Outcome]":
        from helios_worker.artifacts.urls import split_object
        from heliosctl.arguments.buckets import check_bucket, open_artifacts
        from heliosctl.arguments.request import build_request

        request = build_request(url, film, page, encode, audio, output=target)
        artifacts = open_artifacts(store.url)
        check_bucket(split_object(target)[0])
        return artifacts, lambda driver: driver.render(request)

    outcome, artifacts = drive(prepare, workers, targets, store.url, page_headers(headers, split_source(url)[0]))
    _tidy(artifacts, outcome.job.id, keep=keep, is_default=store.is_default)

    from heliosctl.commands.outcome import print_outcome

    print_outcome(outcome, time.monotonic() - started, output, reporting)


def _tidy(artifacts: "ArtifactStore", job_id: str, *, keep: bool, is_default: bool) -> None:
    """Marks the job as one to keep, and removes old ones from the default store."""
    from datetime import UTC, datetime

    from heliosctl.local.catalogue import KEEP, tidy

    if keep:
        artifacts.put(f"jobs/{job_id}/{KEEP}", b"")
    if is_default:
        tidy(artifacts, datetime.now(UTC))
