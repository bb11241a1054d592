"""The options that commands share, each described once.

`@takes(film=FilmOptions, page=PageOptions)` gives a command the fields of these dataclasses as options.

Long, because each option stands here with its text.
"""

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Annotated, Any, Literal, TypeVar, get_type_hints
from urllib.parse import urlsplit

import typer

from helios_crds.words import (
    USUAL_CAPTURE,
    USUAL_COLOR_SCHEME,
    USUAL_CRF,
    USUAL_FRAME_TIMEOUT,
    USUAL_LOCALE,
    USUAL_PRESET,
    USUAL_QUALITY,
    USUAL_TIME_ZONE,
)
from helios_worker.artifacts.urls import absolute
from helios_worker.errors import UserError
from heliosctl.arguments.paths import expanded, own_folder
from heliosctl.arguments.times import count_of_frames, waiting
from heliosctl.switches import set_debug, set_json

Group = TypeVar("Group")
INDEX = "index.html"
# Less than a cluster's 60: a short film would be one chunk, and Ctrl-C would lose all of it.
TARGET_SECONDS = 20.0


def _option(panel: str, name: str, text: str, metavar: str | None = None, **more: Any) -> Any:
    return typer.Option(name, help=text, metavar=metavar, rich_help_panel=panel, **more)


_film = partial(_option, "Film")
_quality = partial(_option, "Quality")
_sound = partial(_option, "Sound")
_page = partial(_option, "Page")
_work = partial(_option, "Chunks and workers")
_reporting = partial(_option, "Reporting")


@dataclass(frozen=True)
class FilmOptions:
    """Size, rate and length; the page declares the rest."""

    width: Annotated[
        int | None, _film("--width", "Width in pixels. Default: what the page declares, or 1920.", "N")
    ] = None
    height: Annotated[
        int | None, _film("--height", "Height in pixels. Default: what the page declares, or 1080.", "N")
    ] = None
    fps: Annotated[
        str | None,
        _film(
            "--fps",
            "Frames per second: 30, 0.5, or a fraction such as 30000/1001. Default: what the page declares, or 30.",
            "RATE",
        ),
    ] = None
    duration: Annotated[
        str | None, _film("--duration", "Length: 10s, 2.5s or 1:30. Default: what the page declares.", "TIME")
    ] = None
    frames: Annotated[
        int | None, _film("--frames", "Length in frames, instead of --duration.", "N", parser=count_of_frames)
    ] = None


@dataclass(frozen=True)
class EncodeOptions:
    """Which part of the film to render, the encoder's settings, and how the film is divided into chunks."""

    range: Annotated[
        str | None,
        _film(
            "--range",
            "Render only a part: 30:120 is frames 30 to 119; 2s:5.5s or 1:00..1:30 are times. Either end may be left "
            "out.",
            "A:B",
        ),
    ] = None
    crf: Annotated[
        int,
        _quality("--crf", "Constant rate factor, 0 (lossless) to 51. Lower looks better and makes larger files.", "N"),
    ] = USUAL_CRF
    preset: Annotated[
        str, _quality("--preset", "x264 preset, ultrafast to veryslow. Slower presets make smaller files.", "NAME")
    ] = USUAL_PRESET
    capture: Annotated[
        Literal["jpeg", "png"],
        _quality(
            "--capture", "Image format of captured frames: jpeg is faster, png is lossless.", case_sensitive=False
        ),
    ] = USUAL_CAPTURE
    quality: Annotated[int, _quality("--quality", "JPEG quality of captured frames, 1 to 100.", "N")] = USUAL_QUALITY
    chunks: Annotated[int | None, _work("--chunks", "Divide the film into at most this many chunks.", "N")] = None
    frames_per_chunk: Annotated[
        int | None,
        _work("--frames-per-chunk", "Frames per chunk, rounded up to the next key frame.", "N"),
    ] = None
    target_seconds: Annotated[
        float | None,
        _work(
            "--target-seconds",
            "Aim for chunks of this much single-core work: 20, 90s or 2m. Finished chunks survive Ctrl-C.",
            "TIME",
            parser=waiting("--target-seconds"),
            show_default=f"{TARGET_SECONDS:g} s",
        ),
    ] = None
    unit_frames: Annotated[
        int | None,
        _work(
            "--unit-frames",
            "Key-frame interval in frames; chunks start only on key frames.",
            "N",
            show_default="2 s",
        ),
    ] = None


@dataclass(frozen=True)
class AudioOptions:
    """The film's sound, beside what the page plays."""

    audio: Annotated[
        list[str] | None,
        _sound(
            "--audio",
            "Sound file to mix in, with settings after commas: start=2s, trim=1s, duration=10s, gain=-6 (dB), "
            "fade-in=1s, fade-out=2s, loop. May be given several times.",
            "FILE[,start=2s,…]",
        ),
    ] = None
    no_audio: Annotated[bool, _sound("--no-audio", "Render a silent film, whatever the page plays.")] = False
    audio_codec: Annotated[
        Literal["aac", "opus"], _sound("--audio-codec", "Codec of the sound.", case_sensitive=False)
    ] = "aac"
    audio_bitrate: Annotated[str, _sound("--audio-bitrate", "Bit rate of the sound.", "RATE")] = "192k"
    loudness: Annotated[
        str | None,
        _sound(
            "--loudness",
            "Bring the whole film to this loudness by EBU R128: -14 LUFS for one. Default: as it is mixed.",
            "LUFS",
        ),
    ] = None


@dataclass(frozen=True)
class PageOptions:
    """The page's entry, its inputs, and which of its faults end the render."""

    entry: Annotated[
        str | None,
        _page("--entry", "Page to open in a folder or archive, or under a bucket address.", "PATH", show_default=INDEX),
    ] = None
    props: Annotated[
        str | None,
        _page(
            "--props",
            "JSON value that the page reads as window.__HELIOS_PROPS__. @FILE takes it from a file.",
            "JSON|@FILE",
        ),
    ] = None
    seed: Annotated[int, _page("--seed", "Seed of the page's random numbers.", "N")] = 0
    seeking: Annotated[
        Literal["Auto", "Seekable", "Stateful"],
        _page(
            "--seeking",
            "Whether the page can jump to any frame (Seekable) or needs those before it (Stateful). Auto tests it.",
            case_sensitive=False,
        ),
    ] = "Auto"
    page_errors: Annotated[
        Literal["fail", "warn"],
        _page(
            "--page-errors",
            "Whether an uncaught error or a missing file ends the render (fail) or is only reported (warn).",
            case_sensitive=False,
        ),
    ] = "fail"
    timezone: Annotated[
        str | None,
        _page("--timezone", "The page's time zone, such as Europe/Berlin.", "ZONE", show_default=USUAL_TIME_ZONE),
    ] = None
    locale: Annotated[
        str | None,
        _page(
            "--locale",
            "The page's language and region, such as de-DE, for formats and for servers.",
            "LANG",
            show_default=USUAL_LOCALE,
        ),
    ] = None
    color_scheme: Annotated[
        Literal["light", "dark"],
        _page("--color-scheme", "What the page finds in prefers-color-scheme.", case_sensitive=False),
    ] = USUAL_COLOR_SCHEME
    wait_for: Annotated[
        str | None,
        _page(
            "--wait-for",
            "Begin the film when an element of the page matches this CSS selector, visible or not.",
            "SELECTOR",
        ),
    ] = None
    frame_timeout: Annotated[
        float,
        _page(
            "--frame-timeout",
            "How long to wait for a frame before it counts as stuck: 30, 90s or 2m.",
            "TIME",
            parser=waiting("--frame-timeout"),
            show_default="30 s",
        ),
    ] = USUAL_FRAME_TIMEOUT


@dataclass(frozen=True)
class HeaderOptions:
    """What the page's own server is sent in addition. No object shows the values."""

    header: Annotated[
        list[str] | None,
        _page(
            "--header",
            "Header for the page's own server and no other, such as 'Authorization: Bearer …'. Other users of this "
            "machine see it in the list of processes: --headers-from hides it.",
            "'NAME: VALUE'",
        ),
    ] = field(default=None, repr=False)
    cookie: Annotated[
        list[str] | None,
        _page(
            "--cookie",
            "Cookie for the page's own server and no other; no script can read it. Visible to others like --header.",
            "NAME=VALUE",
        ),
    ] = field(default=None, repr=False)
    headers_from: Annotated[
        str | None,
        _page(
            "--headers-from",
            "File with such headers, one `Name: value` on a line; `Cookie: a=1; b=2` gives cookies.",
            "FILE",
        ),
    ] = None


@dataclass(frozen=True)
class StoreOptions:
    """The artifact store."""

    artifacts: Annotated[
        str | None,
        _work(
            "--artifacts",
            "Folder or bucket that keeps jobs and finished chunks.",
            "DIR|URL",
            show_default="$HELIOS_ARTIFACTS, or ~/.cache/helios/artifacts",
        ),
    ] = None

    @property
    def is_default(self) -> bool:
        """Whether the user chose no store."""
        return not (self.artifacts or os.environ.get("HELIOS_ARTIFACTS"))

    @property
    def url(self) -> str:
        """URL of the artifact store."""
        chosen = self.artifacts or os.environ.get("HELIOS_ARTIFACTS")
        if chosen and urlsplit(chosen).scheme:
            return chosen
        if chosen:
            return absolute(expanded(chosen)).as_uri()
        return absolute(own_folder("XDG_CACHE_HOME", ".cache") / "helios" / "artifacts").as_uri()


@dataclass(frozen=True)
class WorkerOptions:
    """Worker processes on this machine, and how often a chunk is retried."""

    workers: Annotated[
        int, _work("--workers", "Worker processes; each renders one chunk at a time.", "N", min=1, max=256)
    ] = 1
    lanes: Annotated[
        int | None,
        _work("--lanes", "Browsers per worker.", "N", min=1, max=256, show_default="processors divided by workers"),
    ] = None
    retries: Annotated[
        int,
        _work("--retries", "Retries for chunks that fail for reasons other than the page.", "N", min=0, max=100),
    ] = 2


@dataclass(frozen=True)
class TargetOptions:
    """Where chunks are rendered."""

    target: Annotated[
        str | None,
        _work(
            "--target",
            "Where to render chunks: lambda=NAME, lambda=NAME@REGION:200 (at most 200 chunks at once), "
            "cloud-run=https://…, local. A chunk goes to the first target with room. This machine plans the render and "
            "joins the film. The artifacts must be in a bucket.",
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
            "Print one JSON object on standard output at the end, for errors too.",
            callback=set_json,
            is_eager=True,
        ),
    ] = False
    debug: Annotated[
        bool,
        _reporting(
            "--debug", "Show the workers' logs, and a traceback if something fails.", callback=set_debug, is_eager=True
        ),
    ] = False


def options_given(*groups: Any) -> list[str]:
    """The names of the options in these groups that were given another value than their default."""
    given = []
    for group in groups:
        hints = get_type_hints(type(group), include_extras=True)
        for each in fields(group):
            if getattr(group, each.name) != each.default:
                option = hints[each.name].__metadata__[0]
                names = (option.default, *option.param_decls)  # typer keeps the first name in the one or the other
                given.append(next(name for name in names if isinstance(name, str) and name.startswith("--")))
    return given


def refuse_options(why: str, remedy: str, *groups: Any) -> None:
    """Refuses options that would be ignored. why: follows the option's name.

    Raises:
        UserError: one of these groups has an option that was given.
    """
    given = options_given(*groups)
    if given:
        raise UserError(f"{given[0]} {why}", remedy=remedy)


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
                    each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=hints[each.name]
                )
                for each in fields(group)
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
    return group(**{each.name: given.pop(each.name) for each in fields(group)})  # type: ignore[arg-type]
