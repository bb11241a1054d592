"""`heliosctl still` and `heliosctl contact-sheet`: frames as PNG files.

Imports little before the browser is started; the rest is imported meanwhile.
"""

import asyncio
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, Annotated

import typer

from heliosctl.arguments.headers import page_headers
from heliosctl.arguments.options import (
    FilmOptions,
    HeaderOptions,
    PageOptions,
    ReportingOptions,
    StoreOptions,
    refuse_options,
    takes,
)
from heliosctl.arguments.output import STILL_SUFFIXES, check_output
from heliosctl.arguments.source import check_film, resolve_source, split_source
from heliosctl.arguments.times import frame_at
from heliosctl.commands.render import SOURCE
from heliosctl.local.browsers import browsers_here
from heliosctl.terminal import interrupt

if TYPE_CHECKING:
    from PIL import Image

    from helios_crds.request import RenderRequest
    from helios_worker.artifacts.store import ArtifactStore
    from helios_worker.jobs.spec import JobSpec
    from heliosctl.local.stills import Choose

FILM_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif")


@takes(film=FilmOptions, page=PageOptions, headers=HeaderOptions, store=StoreOptions, reporting=ReportingOptions)
def still(
    source: Annotated[str, SOURCE],
    film: FilmOptions,
    page: PageOptions,
    headers: HeaderOptions,
    store: StoreOptions,
    reporting: ReportingOptions,
    output: Annotated[
        str,
        typer.Option("--output", "-o", help="Output file, such as still.png.", metavar="OUT", show_default=False),
    ],
    at: Annotated[
        str,
        typer.Option(
            "--at", help="Frame to write: its number, such as 75, or its time, such as 2.5s.", metavar="N|TIME"
        ),
    ] = "0",
) -> None:
    """Write one frame of a page as a lossless PNG."""
    target = check_output(output, STILL_SUFFIXES)
    frame_at(at, Fraction(1), option="--at")  # a misspelt one is said before anything is rendered
    job, pngs = _render_stills(
        source, film, page, headers, store, lambda frames, fps: [frame_at(at, fps, option="--at")]
    )
    from heliosctl.local.stills import write_picture
    from heliosctl.terminal.report import print_json, time_code

    ((number, png),) = pngs.items()
    write_picture(target, png)
    encoder = job.ours.film.encoder
    if reporting.as_json:
        print_json(
            {
                "output": target,
                "frame": number,
                "time": float(number / encoder.fps),
                "width": encoder.width,
                "height": encoder.height,
            }
        )
        return
    _print_line(f"{output}: frame {number} ({time_code(number, encoder.fps)}), {encoder.width}×{encoder.height}")


@takes(film=FilmOptions, page=PageOptions, headers=HeaderOptions, store=StoreOptions, reporting=ReportingOptions)
def contact_sheet(
    source: Annotated[
        str,
        typer.Argument(
            help="A page, as for render, or an existing film such as out.mp4.", show_default=False, metavar="SOURCE"
        ),
    ],
    film: FilmOptions,
    page: PageOptions,
    headers: HeaderOptions,
    store: StoreOptions,
    reporting: ReportingOptions,
    output: Annotated[
        str,
        typer.Option("--output", "-o", help="Output file, such as sheet.png.", metavar="OUT", show_default=False),
    ],
    count: Annotated[
        int,
        typer.Option(
            "--count", "-n", help="Number of frames, spread from the first to the last.", min=1, max=1000, metavar="N"
        ),
    ] = 20,
    columns: Annotated[
        int | None,
        typer.Option(
            "--columns", help="Number of columns.", min=1, max=100, metavar="N", show_default="to fit a wide screen"
        ),
    ] = None,
) -> None:
    """Write frames spread over a page or an existing film as one PNG."""
    target = check_output(output, STILL_SUFFIXES)
    images: dict[int, Image.Image]

    def choose(frames: int, fps: Fraction) -> list[int]:
        from heliosctl.terminal.contact_sheet import spread

        return spread(count, frames)

    if source.lower().endswith(FILM_SUFFIXES):
        film_path = check_film(source)
        refuse_options(
            f"cannot be used with {source}: the film is there already",
            "leave it out, or name the page",
            film,
            page,
            headers,
        )
        from heliosctl.local.film_stills import from_film

        fps, images = from_film(film_path, choose)
    else:
        job, pngs = _render_stills(source, film, page, headers, store, choose)
        from heliosctl.local.film_stills import decoded

        fps = job.ours.film.encoder.fps
        images = {number: decoded(png) for number, png in pngs.items()}
    from heliosctl.local.stills import write_picture
    from heliosctl.terminal.contact_sheet import draw_sheet
    from heliosctl.terminal.report import counted, print_json

    sheet = draw_sheet(images, fps, columns)
    png = BytesIO()
    sheet.save(png, "PNG")
    write_picture(target, png.getvalue())
    if reporting.as_json:
        print_json({"output": target, "frames": sorted(images), "width": sheet.width, "height": sheet.height})
        return
    _print_line(f"{output}: {counted(len(images), 'frame')}, {sheet.width}×{sheet.height}")


def _render_stills(
    source: str,
    film: FilmOptions,
    page: PageOptions,
    headers: HeaderOptions,
    store: StoreOptions,
    choose: "Choose",
) -> tuple["JobSpec", dict[int, bytes]]:
    """Frames of a page as PNG bytes by number; shows progress."""
    url = resolve_source(source, store.url, page.entry)
    sent = page_headers(headers, split_source(url)[0])

    def prepare() -> tuple["RenderRequest", "ArtifactStore"]:
        import heliosctl.local.stills
        import heliosctl.terminal.progress  # noqa: F401
        from heliosctl.arguments.buckets import open_artifacts
        from heliosctl.arguments.request import build_request

        return build_request(url, film, page), open_artifacts(store.url)

    async def take() -> tuple["JobSpec", dict[int, bytes]]:
        async with browsers_here(sent) as browsers:
            request, artifacts = await asyncio.to_thread(prepare)
            from rich.status import Status

            from heliosctl.local.stills import from_page
            from heliosctl.terminal.progress import new_warnings
            from heliosctl.terminal.report import print_labelled, stderr

            console = stderr()
            with Status("Planning", console=console) as status:

                def on_still(job: "JobSpec", count: int) -> None:
                    if count == 0:
                        for warning in new_warnings(job, set()):
                            print_labelled(console, "Warning", warning)
                    status.update(f"Rendering still {count + 1}")

                return await from_page(request, artifacts, browsers, choose, on_still)

    return interrupt.run(take())


def _print_line(line: str) -> None:
    from heliosctl.terminal.report import stderr

    stderr().print(line, markup=False, soft_wrap=True)
