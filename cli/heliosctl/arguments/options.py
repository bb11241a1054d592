"""The options that commands share, each described once.

`@takes(film=FilmOptions, page=PageOptions)` gives a command the fields of these dataclasses as options.
"""

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_type_hints
from urllib.parse import urlsplit

import typer

from helios_crds.request import RenderRequest, Video
from heliosctl.switches import set_debug, set_json

Group = TypeVar("Group")
VIDEO = Video()
# Less than a cluster's 60: a short film would be one chunk, and nothing of it would be kept when it is stopped.
TARGET_SECONDS = 20.0


def _option(panel: str, name: str, text: str, metavar: str | None = None, **more: Any) -> Any:
    return typer.Option(name, help=text, metavar=metavar, rich_help_panel=panel, **more)


_film = partial(_option, "Film")
_quality = partial(_option, "Quality")
_page = partial(_option, "Page")
_work = partial(_option, "Chunks and workers")
_reporting = partial(_option, "Reporting")


@dataclass(frozen=True)
class FilmOptions:
    """Size, rate and length. What is left out, the page declares."""

    width: Annotated[int | None, _film("--width", "Pixels. Left out: what the page declares, or 1920.", "N")] = None
    height: Annotated[int | None, _film("--height", "Pixels. Left out: what the page declares, or 1080.", "N")] = None
    fps: Annotated[
        str | None,
        _film(
            "--fps",
            "Frames per second, exact: 30, or a fraction such as 30000/1001. Left out: what the page declares, or 30.",
            "RATE",
        ),
    ] = None
    duration: Annotated[
        str | None, _film("--duration", "Length: 10, 2.5s or 1:30. Left out: what the page declares.", "TIME")
    ] = None
    frames: Annotated[int | None, _film("--frames", "Length as a number of frames, instead of --duration.", "N")] = None


@dataclass(frozen=True)
class EncodeOptions:
    """Which part of the film, how it looks and how it is cut."""

    range: Annotated[
        str | None,
        _film(
            "--range",
            "Only a part: 30:120 is frame 30 up to and without 120, 2s:5.5s is in seconds. Either end may be left out.",
            "A:B",
        ),
    ] = None
    crf: Annotated[int, _quality("--crf", "0 (lossless) to 51. Lower looks better and takes more space.", "N")] = (
        VIDEO.crf
    )
    preset: Annotated[
        str, _quality("--preset", "Of x264, ultrafast to veryslow. Slower ones make smaller files.", "NAME")
    ] = VIDEO.preset
    capture: Annotated[
        Literal["jpeg", "png"], _quality("--capture", "How frames leave the browser: jpeg is fast, png exact.")
    ] = VIDEO.capture
    quality: Annotated[int, _quality("--quality", "Of JPEG captures, 1 to 100.", "N")] = VIDEO.quality
    chunks: Annotated[int | None, _work("--chunks", "Cut the film into this many chunks at most.", "N")] = None
    frames_per_chunk: Annotated[
        int | None,
        _work("--frames-per-chunk", "Cut it into chunks of so many frames, up to the next key frame.", "N"),
    ] = None
    target_seconds: Annotated[
        float | None,
        _work(
            "--target-seconds",
            "Cut it into chunks of about so much work on one processor. What is finished survives Ctrl-C.",
            "S",
            show_default=f"{TARGET_SECONDS:g}",
        ),
    ] = None
    unit_frames: Annotated[
        int | None,
        _work(
            "--unit-frames",
            "From one key frame to the next; chunks are cut there only.",
            "N",
            show_default="2 s",
        ),
    ] = None


@dataclass(frozen=True)
class PageOptions:
    """What the page is given, and what is expected of it."""

    entry: Annotated[str, _page("--entry", "The page within a folder, an archive or a bucket's folder.", "PATH")] = (
        "index.html"
    )
    props: Annotated[
        str | None,
        _page("--props", "A JSON value that the page finds as window.__HELIOS_PROPS__.", "JSON|@FILE"),
    ] = None
    seed: Annotated[int, _page("--seed", "Of the page's random numbers.", "N")] = 0
    seeking: Annotated[
        Literal["Auto", "Seekable", "Stateful"],
        _page(
            "--seeking",
            "Whether a frame can be reached by jumping (Seekable) or needs all before it (Stateful). Auto tries both.",
        ),
    ] = "Auto"
    page_errors: Annotated[
        Literal["fail", "warn"], _page("--page-errors", "Whether an uncaught error or a missing file ends the render.")
    ] = "fail"
    frame_timeout: Annotated[
        float, _page("--frame-timeout", "Seconds after which a frame that is not ready counts as stuck.", "S")
    ] = RenderRequest.model_fields["frameTimeout"].default


@dataclass(frozen=True)
class StoreOptions:
    """Where finished chunks are kept."""

    artifacts: Annotated[
        str | None,
        _work(
            "--artifacts",
            "Where jobs and their finished chunks are kept.",
            "DIR|URL",
            show_default="$HELIOS_ARTIFACTS, or ~/.cache/helios/artifacts",
        ),
    ] = None

    @property
    def is_default(self) -> bool:
        """Whether nobody chose a place."""
        return not (self.artifacts or os.environ.get("HELIOS_ARTIFACTS"))

    @property
    def url(self) -> str:
        """Of the artifact store."""
        chosen = self.artifacts or os.environ.get("HELIOS_ARTIFACTS")
        if chosen and urlsplit(chosen).scheme:
            return chosen
        if chosen:
            return Path(chosen).expanduser().absolute().as_uri()
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return (Path(cache) / "helios" / "artifacts").as_uri()


@dataclass(frozen=True)
class WorkerOptions:
    """Who does the work."""

    workers: Annotated[int, _work("--workers", "Processes that render chunks side by side.", "N", min=1, max=256)] = 1
    lanes: Annotated[
        int | None,
        _work("--lanes", "Browsers in each worker.", "N", min=1, max=256, show_default="one per processor"),
    ] = None
    retries: Annotated[
        int,
        _work(
            "--retries", "How often a chunk that failed, not by the page's fault, is tried again.", "N", min=0, max=100
        ),
    ] = 2


@dataclass(frozen=True)
class TargetOptions:
    """Where the work is done."""

    target: Annotated[
        str | None,
        _work(
            "--target",
            "Render chunks there, the first that has room: lambda=NAME, lambda=NAME@REGION:200 (so many at once), "
            "cloud-run=https://…, local. Plan and joining stay on this machine; the artifacts must be in a bucket.",
            "TARGET,…",
            show_default="local",
        ),
    ] = None


@dataclass(frozen=True)
class ReportingOptions:
    """What is written to standard output and standard error."""

    as_json: Annotated[
        bool,
        _reporting(
            "--json",
            "One JSON object on standard output at the end, also for an error.",
            callback=set_json,
            is_eager=True,
        ),
    ] = False
    debug: Annotated[
        bool,
        _reporting(
            "--debug", "The workers' logs, and a traceback where something failed.", callback=set_debug, is_eager=True
        ),
    ] = False


def takes(**groups: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Replaces a command's parameters of these names by the fields of these dataclasses.

    typer reads a command's options from its signature; this writes one.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        hints = get_type_hints(command, include_extras=True)
        parameters = [
            parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
            for name, parameter in inspect.signature(command).parameters.items()
            if name not in groups
        ]
        for group in groups.values():
            hints = get_type_hints(group, include_extras=True)
            parameters += [
                inspect.Parameter(
                    field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
                )
                for field in fields(group)
            ]

        def call(**given: Any) -> Any:
            made: dict[str, Any] = {name: _take(group, given) for name, group in groups.items()}
            return command(**given, **made)

        call.__name__, call.__doc__ = command.__name__, command.__doc__
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return call

    return decorate


def _take(group: type[Group], given: dict[str, Any]) -> Group:
    return group(**{field.name: given.pop(field.name) for field in fields(group)})  # type: ignore[arg-type]
