"""The options that render, plan, still and contact-sheet share, and the request they make.

`takes(PageOptions)` gives a command the fields of a dataclass as options, so that each is described once.
"""

import inspect
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_type_hints
from urllib.parse import urlsplit

import typer
from pydantic import ValidationError

from helios_crds.request import Chunking, Composition, RenderRequest, Video
from helios_worker.errors import UserError

FILM, QUALITY, PAGE, WORK = "The film", "Quality", "The page", "How the work is done"
Options = TypeVar("Options")


def _option(*names: str, panel: str, text: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel, metavar=metavar, show_default=True)


@dataclass(frozen=True)
class PageOptions:
    """What is rendered and how it looks."""

    width: Annotated[int | None, _option("--width", panel=FILM, text="Pixels; left out, the page's own width.")] = None
    height: Annotated[int | None, _option("--height", panel=FILM, text="Pixels; left out, the page's own height.")] = (
        None
    )
    fps: Annotated[
        str | None,
        _option(
            "--fps",
            panel=FILM,
            metavar="RATE",
            text="Frames per second, exact: 30, or a fraction such as 30000/1001. Left out, the page's own, else 30.",
        ),
    ] = None
    duration: Annotated[
        str | None,
        _option("--duration", panel=FILM, metavar="TIME", text="Length: 10, 10s or 1:30. Left out, the page's own."),
    ] = None
    frames: Annotated[
        int | None, _option("--frames", panel=FILM, text="Length as a number of frames, instead of --duration.")
    ] = None
    range: Annotated[
        str | None,
        _option(
            "--range",
            panel=FILM,
            metavar="A:B",
            text="Only a part: frames 30:120 (from 30, up to and without 120), or seconds 2s:5.5s. Either end may be left out.",
        ),
    ] = None
    crf: Annotated[
        int, _option("--crf", panel=QUALITY, text="0 (lossless) to 51; lower looks better and takes more space.")
    ] = 18
    preset: Annotated[
        str,
        _option("--preset", panel=QUALITY, text="x264's: ultrafast … veryslow; slower files are smaller."),
    ] = "veryfast"
    capture: Annotated[
        Literal["jpeg", "png"],
        _option("--capture", panel=QUALITY, text="How frames leave the browser: jpeg is fast, png exact."),
    ] = "jpeg"
    quality: Annotated[int, _option("--quality", panel=QUALITY, text="Of captured JPEGs, 1 to 100.")] = 90
    props: Annotated[
        str | None,
        _option(
            "--props",
            panel=PAGE,
            metavar="JSON|@FILE",
            text="A JSON value that the page finds as window.__HELIOS_PROPS__.",
        ),
    ] = None
    seeking: Annotated[
        Literal["Auto", "Seekable", "Stateful"],
        _option(
            "--seeking",
            panel=PAGE,
            text="Whether a frame can be reached by jumping (Seekable) or needs all before it (Stateful). Auto tries.",
        ),
    ] = "Auto"
    page_errors: Annotated[
        Literal["fail", "warn"],
        _option("--page-errors", panel=PAGE, text="Whether an uncaught error or a missing file ends the render."),
    ] = "fail"
    frame_timeout: Annotated[
        float,
        _option("--frame-timeout", panel=PAGE, text="Seconds after which a frame that is not ready counts as stuck."),
    ] = 30.0
    artifacts: Annotated[
        str | None,
        _option(
            "--artifacts",
            panel=WORK,
            metavar="DIR|URL",
            text="Where finished chunks are kept. Default: $HELIOS_ARTIFACTS, or helios/artifacts in the cache folder.",
        ),
    ] = None


@dataclass(frozen=True)
class CutOptions:
    """How the film is cut into chunks."""

    chunks: Annotated[
        int | None, _option("--chunks", panel=WORK, text="Cut the film into this many chunks at most.")
    ] = None
    frames_per_chunk: Annotated[
        int | None, _option("--frames-per-chunk", panel=WORK, text="Cut it into chunks of this many frames.")
    ] = None
    target_seconds: Annotated[
        float | None,
        _option("--target-seconds", panel=WORK, text="Cut it into chunks of about so much work. [default: 60]"),
    ] = None
    unit_frames: Annotated[
        int | None,
        _option("--unit-frames", panel=WORK, text="Frames between key frames, where chunks may be cut. [default: 2 s]"),
    ] = None


@dataclass(frozen=True)
class WorkerOptions:
    """Who does the work."""

    workers: Annotated[int, _option("--workers", panel=WORK, text="Processes that render chunks side by side.")] = 1
    lanes: Annotated[
        int | None,
        _option("--lanes", panel=WORK, text="Browsers in each worker. [default: one per processor]"),
    ] = None
    retries: Annotated[int, _option("--retries", panel=WORK, text="How often a chunk that failed is tried again.")] = 2


def takes(**groups: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Replaces a command's parameters of these names by the fields of these dataclasses.

    typer reads options from a signature; this writes one.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        own = [p for p in inspect.signature(command).parameters.values() if p.name not in groups]
        hints = get_type_hints(command, include_extras=True)
        parameters = [p.replace(annotation=hints[p.name], kind=p.KEYWORD_ONLY) for p in own]
        for group in groups.values():
            hints = get_type_hints(group, include_extras=True)
            parameters += [
                inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name])
                for f in fields(group)
            ]

        def call(**given: Any) -> Any:
            made: dict[str, Any] = {name: _take(group, given) for name, group in groups.items()}
            return command(**given, **made)

        call.__name__, call.__doc__ = command.__name__, command.__doc__
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {p.name: p.annotation for p in parameters}
        return call

    return decorate


def _take(group: type[Options], given: dict[str, Any]) -> Options:
    return group(**{f.name: given.pop(f.name) for f in fields(group)})  # type: ignore[arg-type]


# -- from options to a request -----------------------------------------------------------------------------

OPTION_OF_FIELD = {
    "composition.props": "--props",
    "video.width": "--width",
    "video.height": "--height",
    "video.fps": "--fps",
    "video.duration": "--duration",
    "video.frames": "--frames",
    "video.range": "--range",
    "video.quality": "--quality",
    "video.unitFrames": "--unit-frames",
    "chunking.frames": "--frames-per-chunk",
    "chunking.count": "--chunks",
    "chunking.targetSeconds": "--target-seconds",
    "frameTimeout": "--frame-timeout",
}


def request_from(
    source: str, page: PageOptions, cut: CutOptions | None = None, *, output: str | None = None
) -> RenderRequest:
    """The request that the options amount to.

    Raises:
        UserError: an option is wrong; the message names it.
    """
    cut = cut or CutOptions()
    duration = None if page.duration is None else seconds(page.duration, option="--duration")
    try:
        return RenderRequest(
            composition=Composition(
                url=source,
                props=None if page.props is None else read_props(page.props),
                seeking=page.seeking,
                pageErrors=page.page_errors,
            ),
            video=Video(
                width=page.width,
                height=page.height,
                fps=page.fps,
                duration=None if duration is None else float(duration),
                frames=page.frames,
                **({} if page.range is None else read_range(page.range)),
                crf=page.crf,
                preset=page.preset,
                capture=page.capture,
                quality=page.quality,
            ),
            chunking=Chunking(frames=cut.frames_per_chunk, count=cut.chunks, targetSeconds=cut.target_seconds),
            frameTimeout=page.frame_timeout,
            output=output,
        )
    except ValidationError as error:
        raise UserError(_one_line(error)) from None


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    model = {"Composition": "composition", "Video": "video", "Chunking": "chunking"}.get(error.title, "")
    field = ".".join(filter(None, [model, *map(str, first["loc"])]))
    problem = first["msg"].removeprefix("Value error, ")
    option = OPTION_OF_FIELD.get(field)
    if option is None:
        return problem
    given = str(first["input"])
    return f"{option} {problem}" if given in problem else f"{option} {given}: {problem}"


def seconds(text: str, *, option: str) -> Fraction:
    """A time: 10, 10s, 2.5s, 1:30 or 1:02:03.5, in seconds.

    Raises:
        UserError: it is none.
    """
    found = re.fullmatch(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?|\.\d+)s?", text.strip())
    if found is None:
        raise UserError(f"{option} {text} is no time: write 10, 2.5s or 1:30")
    hours, minutes, rest = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + Fraction(rest)


def read_range(text: str) -> dict[str, Any]:
    """`A:B` in frames, or in seconds where an end carries an s: the request's range or rangeSeconds.

    Raises:
        UserError: it is no range.
    """
    wrong = UserError(f"--range {text} is no range", remedy="write 30:120 for frames, or 2s:5.5s for seconds")
    ends = text.split(":")
    if len(ends) != 2 or not any(ends):
        raise wrong
    if any(end.endswith("s") for end in ends):
        start, end = (float(seconds(end, option="--range")) if end else None for end in ends)
        return {"rangeSeconds": (start or 0.0, end)}
    if not all(end.isdecimal() or not end for end in ends):
        raise wrong
    return {"range": (int(ends[0] or 0), int(ends[1]) if ends[1] else None)}


def read_props(text: str) -> Any:
    """JSON as written, or from a file after an @.

    Raises:
        UserError: there is no such file, or no JSON in it.
    """
    where = "--props"
    if text.startswith("@"):
        where = f"--props: {text[1:]}"
        try:
            text = Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{where} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{where} is no JSON: {error}", remedy="""write it like '{"title": "Hello"}', or name a file: @props.json"""
        ) from None


def artifacts_url(chosen: str | None) -> str:
    """The artifact store: as chosen, from the environment, or in the cache folder."""
    chosen = chosen or os.environ.get("HELIOS_ARTIFACTS")
    if chosen and urlsplit(chosen).scheme:
        return chosen
    if chosen:
        return Path(chosen).expanduser().absolute().as_uri()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return (Path(cache) / "helios" / "artifacts").as_uri()
