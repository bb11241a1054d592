"""From options to a RenderRequest. An error is one line that names the option."""

import json
import re
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from helios_crds.numbers import shown, whole_number
from helios_crds.request import RenderRequest
from helios_worker.errors import UserError
from helios_worker.planning.encoder import check_encoder
from heliosctl.arguments.options import TARGET_SECONDS, EncodeOptions, FilmOptions, PageOptions
from heliosctl.arguments.source import split_source

OPTIONS = {
    "composition.entry": "--entry",
    "composition.query": "the page's query",
    "composition.seed": "--seed",
    "video.width": "--width",
    "video.height": "--height",
    "video.fps": "--fps",
    "video.duration": "--duration",
    "video.frames": "--frames",
    "video.range": "--range",
    "video.rangeSeconds": "--range",
    "video.quality": "--quality",
    "video.unitFrames": "--unit-frames",
    "chunking.frames": "--frames-per-chunk",
    "chunking.count": "--chunks",
    "chunking.targetSeconds": "--target-seconds",
    "frameTimeout": "--frame-timeout",
}
# Messages of the request's models, in the words of the command line.
PLAIN = {
    "Value error, ": "",
    "Input should be greater than or equal to": "must be at least",
    "Input should be less than or equal to": "must be at most",
    "Input should be greater than": "must be above",
    "Input should be less than": "must be below",
    "Input should be": "must be",
    "frames, count and targetSeconds": "--frames-per-chunk, --chunks and --target-seconds",
    "give duration or frames": "give --duration or --frames",
}


def build_request(
    source: str,
    film: FilmOptions,
    page: PageOptions,
    encode: EncodeOptions | None = None,
    *,
    output: str | None = None,
) -> RenderRequest:
    """The request that the options describe.

    Raises:
        UserError: an option is wrong.
    """
    encode = encode or EncodeOptions()
    source, query = split_source(source)
    given = {
        "composition": {
            "url": source,
            "query": query,
            "entry": page.entry,
            "props": None if page.props is None else read_props(page.props),
            "seed": page.seed,
            "seeking": page.seeking,
            "pageErrors": page.page_errors,
        },
        "video": {
            "width": film.width,
            "height": film.height,
            "fps": film.fps,
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


def target_seconds(encode: EncodeOptions) -> float | None:
    """Seconds of work per chunk: the command line's default unless an option sets the chunks."""
    is_cut = encode.frames_per_chunk is not None or encode.chunks is not None
    return TARGET_SECONDS if encode.target_seconds is None and not is_cut else encode.target_seconds


def one_line(error: ValidationError) -> str:
    """The first error, with the option that caused it."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][:2])
    problem = first["msg"]
    for models_words, plain in PLAIN.items():
        problem = problem.replace(models_words, plain)
    option = OPTIONS.get(field)
    if option is None:
        return problem
    given = f"{first['input']:g}" if isinstance(first["input"], float) else shown(first["input"])
    if given in problem:
        return f"{option} {problem.replace(repr(given), given, 1)}"
    return f"{option} {given} {problem}"


def seconds(text: str, *, option: str, kind: str = "time") -> Fraction:
    """10, 10s, 2.5s, 1:30 or 1:02:03.5 in seconds.

    kind: what the option takes, for the message.

    Raises:
        UserError: the text is not a time.
    """
    found = re.fullmatch(
        r"(?:(?:(\d{1,9}):)?(\d{1,9}):)?(\d{1,12}(?:\.\d{0,18})?|\.\d{1,18})s?", text.strip(), re.ASCII
    )
    if found is None:
        raise UserError(f"{option} {shown(text)} is not a valid {kind}", remedy="write it like 10, 2.5s or 1:30")
    hours, minutes, rest = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + Fraction(rest.rstrip("."))


def age(text: str, *, option: str) -> timedelta:
    """30m, 12h, 7d or 4w as a length of time.

    Raises:
        UserError: the text is not a duration.
    """
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text, re.ASCII)
    if found is None:
        raise UserError(f"{option} {text} is not a valid duration", remedy="write it like 12h, 7d or 4w")
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[found.group(2)]
    return timedelta(**{unit: int(found.group(1))})


def read_range(text: str) -> dict[str, Any]:
    """The request's range or rangeSeconds: `A:B` in frames, `As:Bs` in seconds.

    Raises:
        UserError: the text is not a range.
    """
    wrong = UserError(
        f"--range {shown(text)} is not a valid range", remedy="write 30:120 for frames, or 2s:5.5s for seconds"
    )
    ends = text.split(":")
    if len(ends) != 2 or not any(ends):
        raise wrong
    if all(end.endswith("s") or not end for end in ends):
        start, end = (float(seconds(end, option="--range")) if end else None for end in ends)
        return {"rangeSeconds": (start or 0.0, end)}
    first, last = (whole_number(end or "0") for end in ends)
    if first is None or last is None:
        raise wrong
    return {"range": (first, last if ends[1] else None)}


def frame_at(text: str, fps: Fraction, *, option: str) -> int:
    """A frame number: as given, or of the frame shown at a time such as 2.5s.

    Raises:
        UserError: the text is neither.
    """
    frame = whole_number(text)
    if frame is not None:
        return frame
    if not (text.endswith("s") or ":" in text):
        raise UserError(
            f"{option} {shown(text)} is not a frame number or a time", remedy="write 75 for a frame, or 2.5s for a time"
        )
    return int(seconds(text, option=option) * fps)


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
