"""From options to a RenderRequest. An error is one line that names the option."""

import json
import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from helios_crds.numbers import shown
from helios_crds.request import RenderRequest
from helios_crds.times import exact_rate
from helios_worker.errors import UserError
from helios_worker.planning.encoder import check_encoder
from heliosctl.arguments.audio import read_audio
from heliosctl.arguments.command import in_plain_words
from heliosctl.arguments.options import INDEX, TARGET_SECONDS, AudioOptions, EncodeOptions, FilmOptions, PageOptions
from heliosctl.arguments.source import split_source
from heliosctl.arguments.times import read_range, seconds

OPTIONS = {
    "composition.entry": "--entry",
    "composition.query": "the page's query",
    "composition.seed": "--seed",
    "composition.timeZone": "--timezone",
    "composition.locale": "--locale",
    "composition.colorScheme": "--color-scheme",
    "composition.waitFor": "--wait-for",
    "video.width": "--width",
    "video.height": "--height",
    "video.fps": "--fps",
    "video.duration": "--duration",
    "video.frames": "--frames",
    "video.range": "--range",
    "video.rangeSeconds": "--range",
    "video.quality": "--quality",
    "video.unitFrames": "--unit-frames",
    "audio.loudness": "--loudness",
    "audio.tracks": "--audio",
    "chunking.frames": "--frames-per-chunk",
    "chunking.count": "--chunks",
    "chunking.targetSeconds": "--target-seconds",
    "frameTimeout": "--frame-timeout",
}
# Messages of the request's models, in the words of the command line.
PLAIN = {
    "frames, count and targetSeconds": "--frames-per-chunk, --chunks and --target-seconds",
    "give duration or frames": "give --duration or --frames",
}


def build_request(
    source: str,
    film: FilmOptions,
    page: PageOptions,
    encode: EncodeOptions | None = None,
    audio: AudioOptions | None = None,
    *,
    output: str | None = None,
) -> RenderRequest:
    """The request that the options describe.

    Raises:
        UserError: an option is wrong.
    """
    encode = encode or EncodeOptions()
    if encode.capture == "png" and encode.quality != EncodeOptions.quality:
        raise UserError(
            f"--quality {encode.quality} would be ignored: it is of JPEG, and --capture png is lossless",
            remedy="leave out one of the two",
        )
    source, query = split_source(source)
    given = {
        "composition": {
            "url": source,
            "query": query,
            "entry": INDEX if page.entry is None else page.entry,
            "props": None if page.props is None else read_props(page.props),
            "seed": page.seed,
            "seeking": page.seeking,
            "pageErrors": page.page_errors,
            "timeZone": page.timezone,
            "locale": page.locale,
            "colorScheme": page.color_scheme,
            "waitFor": page.wait_for,
        },
        "video": {
            "width": film.width,
            "height": film.height,
            "fps": None if film.fps is None else read_rate(film.fps),
            "duration": None
            if film.duration is None
            else float(seconds(film.duration, option="--duration", kind="duration")),
            "frames": film.frames,
            **({} if encode.range is None else read_range(encode.range)),
            "crf": encode.crf,
            "preset": encode.preset,
            "capture": encode.capture,
            "quality": encode.quality,
            "unitFrames": encode.unit_frames,
        },
        "audio": read_audio(audio or AudioOptions()),
        "chunking": {
            "frames": encode.frames_per_chunk,
            "count": encode.chunks,
            "targetSeconds": target_seconds(encode),
        },
        "frameTimeout": page.frame_timeout,
        "output": output,
    }
    try:
        request = RenderRequest.model_validate(given)
    except ValidationError as error:
        raise UserError(one_line(error)) from None
    try:
        check_encoder(request)
    except UserError as error:
        raise UserError(f"--{error.message}", remedy=error.remedy) from None
    return request


def read_rate(text: str) -> str:
    """--fps as the request takes it: a decimal such as 0.5 as a fraction.

    Raises:
        UserError: it is not a rate, or a rounded one such as 29.97.
    """
    try:
        rate = exact_rate(text.strip())
    except ValueError as error:
        raise UserError(f"--fps {error}") from None
    if re.fullmatch("[0-9]+(/[0-9]+)?", rate) is None:
        raise UserError(f"--fps {shown(text)} is not a rate", remedy="write 30, 0.5, or 30000/1001 for 29.97")
    return rate


def target_seconds(encode: EncodeOptions) -> float | None:
    """Seconds of work per chunk: the command line's default unless an option sets the chunks."""
    is_cut = encode.frames_per_chunk is not None or encode.chunks is not None
    return TARGET_SECONDS if encode.target_seconds is None and not is_cut else encode.target_seconds


def one_line(error: ValidationError) -> str:
    """The first error, with the option that caused it."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][:2])
    problem = in_plain_words(first["msg"])
    for models_words, plain in PLAIN.items():
        problem = problem.replace(models_words, plain)
    option = OPTIONS.get(field)
    if option is None:
        return problem
    given = f"{first['input']:g}" if isinstance(first["input"], float) else shown(first["input"])
    if given in problem:
        return f"{option} {problem.replace(repr(given), given, 1)}"
    return f"{option} {given} {problem}"


def read_props(text: str) -> Any:
    """JSON as written, or from a file after an @.

    Raises:
        UserError: the file cannot be read, or the text is not JSON.
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
    except RecursionError:
        raise UserError(f"{where} is nested too deep", remedy="make it flatter") from None
    except ValueError as error:  # also a number of thousands of digits
        raise UserError(
            f"{where} is not valid JSON: {error}",
            remedy="""write it like '{"title": "Hello"}', or name a file: @props.json""",
        ) from None
