"""`heliosctl plan`: shows what a render would do."""

from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from helios_crds.remedies import in_flags
from helios_crds.request import RenderRequest
from helios_worker.encode.audio.sound_plan import SoundPlan
from helios_worker.jobs.sounds import load_sound_plan
from helios_worker.jobs.spec import JobSpec
from helios_worker.machine import cpu_count
from helios_worker.planning.chunking import frame_costs
from heliosctl.arguments.buckets import open_artifacts
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
    takes,
)
from heliosctl.arguments.output import check_output
from heliosctl.arguments.request import build_request
from heliosctl.arguments.source import resolve_source, split_source
from heliosctl.commands.render import SOURCE
from heliosctl.local.drive import Prepared, drive
from heliosctl.local.driver import Driver, committed_chunks
from heliosctl.terminal.curve import bars
from heliosctl.terminal.progress import print_slowness
from heliosctl.terminal.report import local_name, print_json, stdout, time_code, time_text

CURVE_COLUMNS = 60
SHOWN_CHUNKS = 24
SHOWN_SOUNDS = 4
UNMEASURED_SHARE = 0.75
"""A film that was measured up to less than this share of it may cost something else behind."""


@takes(
    film=FilmOptions,
    encode=EncodeOptions,
    audio=AudioOptions,
    page=PageOptions,
    headers=HeaderOptions,
    store=StoreOptions,
    reporting=ReportingOptions,
)
def plan(
    source: Annotated[str, SOURCE],
    film: FilmOptions,
    encode: EncodeOptions,
    audio: AudioOptions,
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
    url = resolve_source(source, store.url, page.entry)

    def prepare() -> Prepared[tuple[str, JobSpec]]:
        request = build_request(url, film, page, encode, audio, output=target)
        return open_artifacts(store.url), lambda driver: _planned(driver, request)

    sent = page_headers(headers, split_source(url)[0])
    (job_path, job), artifacts = drive(prepare, WorkerOptions(lanes=1), TargetOptions(), store.url, sent)
    cached = committed_chunks(artifacts, job)
    sound = load_sound_plan(artifacts, job.ours.sound) if job.ours.sound else None
    if reporting.as_json:
        print_json(as_json(job, job_path, cached, sound))
    else:
        show(stdout(), job, job_path, cached, sound)


async def _planned(driver: Driver, request: RenderRequest) -> tuple[str, JobSpec]:
    job_path, job = await driver.plan(request)
    driver.listener.planned(job, set())
    return job_path, job


def as_json(job: JobSpec, job_path: str, cached: set[int], sound: SoundPlan | None) -> dict[str, Any]:
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
        "costBasis": basis_of_curve(job),
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
        "sound": None if sound is None else [_heard(sound, index) for index in range(len(sound.sources))],
        "warnings": [in_flags(text) for text in job.ours.warnings],
    }


def _heard(sound: SoundPlan, source: int) -> dict[str, Any]:
    """What is heard of a source: its name, from when to when in seconds of the film, and in how many pieces."""
    pieces = [piece for piece in sound.pieces if piece.source == source]
    return {
        "name": sound.sources[source].name,
        "start": float(min(piece.start for piece in pieces)),
        "end": float(max(piece.end for piece in pieces)),
        "pieces": len(pieces),
    }


def in_words(sound: SoundPlan | None) -> str:
    """What is heard in a film."""
    if sound is None:
        return "none"
    heard = [_heard(sound, source) for source in range(len(sound.sources))]
    named = ", ".join(f"{each['name']} ({each['start']:.6g} to {each['end']:.6g} s)" for each in heard[:SHOWN_SOUNDS])
    return named if len(heard) <= SHOWN_SOUNDS else f"{named} and {len(heard) - SHOWN_SOUNDS} more"


def estimated(job: JobSpec, skip: frozenset[int] = frozenset()) -> float:
    """Seconds of single-core work, without the chunks to skip."""
    return sum(chunk.cost or 0.0 for chunk in job.chunks if chunk.id not in skip)


def show(console: Console, job: JobSpec, job_path: str, cached: set[int], sound: SoundPlan | None) -> None:
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
    facts.add_row("Sound", in_words(sound))
    left = estimated(job, frozenset(cached))
    processors = cpu_count()
    spread = f", {time_text(left / processors)} on this machine's {processors} cores" if processors > 1 else ""
    samples = measured_frames(job)
    basis = f", estimated from {len(samples)} measured frames" if samples else ", a guess: no frame was measured"
    facts.add_row("Work", f"about {time_text(left)} on one core{spread}{basis}")
    facts.add_row("Job", local_name(job_path))
    console.print(facts)
    print_slowness(console, job)
    console.print()
    console.print(_curve(job, min(CURVE_COLUMNS, console.width - 16)))
    console.print()
    console.print(_chunks(job, cached))


def measured_frames(job: JobSpec) -> list[int]:
    """The frames within the render whose cost was measured; all else is estimated from them."""
    film = job.ours.film
    return [point.frame for point in job.ours.costs if film.first <= point.frame < film.end]


def _curve(job: JobSpec, columns: int) -> Group:
    """Milliseconds per frame, from the first frame to the last, and which of them were measured."""
    film = job.ours.film
    frames = film.end - film.first
    columns = max(1, min(columns, frames))
    curve = frame_costs(film, list(job.ours.costs))
    samples = measured_frames(job)
    marked = {(frame - film.first) * columns // frames: frame for frame in samples}
    # A column with a measured frame shows that one, so that no peak falls between two columns.
    frame_of = [marked.get(k, film.first + (2 * k + 1) * frames // (2 * columns)) for k in range(columns)]
    values = [1000 * curve.at(frame) for frame in frame_of]
    lines = bars(values)
    peak = f"{max(values):.0f} ms"
    text = Text()
    for row, line in enumerate(lines):
        label = peak if row == 0 else ("0" if row == len(lines) - 1 else "")
        text.append(f"{label:>9} ", style="dim")
        text.append(f"{line}\n", style="cyan")
    text.append(" " * 10 + "".join("▴" if k in marked else " " for k in range(columns)).rstrip() + "\n", style="cyan")
    start, end = f"{film.first}", f"frame {film.end - 1}"
    text.append(" " * 10 + start + end.rjust(max(len(end) + 1, columns - len(start))), style="dim")
    return Group(Text("Cost per frame", style="bold"), text, Text(basis_of_curve(job), style="dim"))


def basis_of_curve(job: JobSpec) -> str:
    """What of the cost curve was measured, and what is estimated."""
    film, samples = job.ours.film, measured_frames(job)
    if not samples:
        return "Nothing was measured: every frame is taken to cost the same."
    said = f"Measured at {len(samples)} frames (▴), estimated between them."
    if samples[-1] - film.first >= UNMEASURED_SHARE * (film.end - film.first):
        return said
    why = " (a stateful page cannot jump there)" if film.stateful else ""
    return f"{said} Nothing was measured after frame {samples[-1]}{why}: later frames may cost more or less."


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
