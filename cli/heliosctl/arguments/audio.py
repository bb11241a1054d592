"""The options of sound as the request says them: --audio with its parts, codec, bit rate and loudness."""

import re
from collections.abc import Callable
from typing import Any

from helios_crds.numbers import shown
from helios_crds.request import MAX_BITRATE, MAX_GAIN_DB, MIN_BITRATE, MIN_GAIN_DB
from helios_crds.times import HOW, parse_time, plain_number
from helios_worker.artifacts.urls import absolute, local_path
from helios_worker.errors import UserError
from heliosctl.arguments.options import AudioOptions, options_given
from heliosctl.arguments.paths import expanded

EXAMPLE = "music.mp3,start=2s,gain=-6"
_ADDRESS = re.compile("[A-Za-z][A-Za-z0-9+.-]*://")
_PART = re.compile(r"\s*([A-Za-z-]+)(?:=(.*))?", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,6}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})")


def read_audio(options: AudioOptions) -> dict[str, Any]:
    """The request's audio.

    Raises:
        UserError: an option is wrong.
    """
    if options.no_audio:
        others = [name for name in options_given(options) if name != "--no-audio"]
        if others:
            raise UserError(f"{others[0]} would be ignored with --no-audio", remedy="leave out one of the two")
        return {"codec": "none"}
    return {
        "codec": options.audio_codec,
        "bitrate": _bitrate(options.audio_bitrate),
        "loudness": None if options.loudness is None else _loudness(options.loudness),
        "tracks": [read_track(text) for text in options.audio or ()],
    }


def read_track(text: str) -> dict[str, Any]:
    """A track as the command line says it: a file or an address, and parts after commas.

    A file whose name has commas is that file.

    Raises:
        UserError: there is no such file, or a part is not known.
    """
    file, parts = _split(text)
    track: dict[str, Any] = {"url": _place(file)}
    for part in parts:
        name, given = _known(part, text)
        field, read = PARTS[name]
        if field in track:
            raise UserError(f"--audio {shown(text)} says {name} twice", remedy="leave out one of the two")
        track[field] = read(given, f"--audio {shown(file)}: {name}")
    return track


def _split(text: str) -> tuple[str, list[str]]:
    """The file and its parts. The file is the longest beginning that is one, else what only parts follow."""
    places = [place for place, character in enumerate(text) if character == ","]
    if not _ADDRESS.match(text):
        for place in [len(text), *reversed(places)]:
            if text[:place] and expanded(text[:place]).is_file():
                return text[:place], _parts(text, place)
    for place in places:
        found = [_PART.fullmatch(part) for part in _parts(text, place)]
        if all(part is not None and (part[2] is not None or part[1] in PARTS) for part in found):
            return text[:place], _parts(text, place)
    return text, []


def _parts(text: str, place: int) -> list[str]:
    return text[place + 1 :].split(",") if place < len(text) else []


def _place(file: str) -> str:
    if not file:
        raise UserError("--audio names no file", remedy=f"write it like --audio {EXAMPLE}")
    if _ADDRESS.match(file) and not file.startswith("file:"):
        return file
    path = expanded(local_path(file) or file) if file.startswith("file:") else expanded(file)
    if path.is_dir():
        raise UserError(f"--audio {shown(file)} is a folder", remedy="name a sound file in it")
    if not path.is_file():
        raise UserError(f"--audio {shown(file)} was not found", remedy="correct its path")
    return str(absolute(path))


def _known(part: str, text: str) -> tuple[str, str | None]:
    """The name of a part, and what is given for it."""
    found = _PART.fullmatch(part)
    name = found[1].lower() if found is not None else ""
    if found is None or name not in PARTS:
        raise UserError(
            f"--audio {shown(text)}: {shown(part)} is none of {', '.join(PARTS)}",
            remedy=f"write it like --audio {EXAMPLE}",
        )
    return name, found[2]


def _time(given: str | None, option: str) -> float:
    text = (given or "").strip()
    if text.startswith("-"):
        raise UserError(f"{option}={shown(text)} is negative", remedy="write a time from 0 on, such as 2s")
    found = parse_time(text)
    if found is None:
        name, is_number = option.rpartition(" ")[2], plain_number(text) is not None
        problem = "has no unit" if is_number else "is not a valid time"
        raise UserError(f"{option}={shown(text)} {problem}", remedy=f"write {name}={text}s" if is_number else HOW)
    return float(found)


def _gain(given: str | None, option: str) -> float:
    text = re.sub(r"\s*db$", "", (given or "").strip(), flags=re.IGNORECASE)
    if not _NUMBER.fullmatch(text):
        raise UserError(f"{option}={shown(given or '')} is no number of decibels", remedy="write it like gain=-6")
    if not MIN_GAIN_DB <= float(text) <= MAX_GAIN_DB:
        raise UserError(
            f"{option}={shown(given or '')} is out of range: a gain is from {MIN_GAIN_DB} to {MAX_GAIN_DB} dB",
            remedy="0 leaves the sound as it is, -6 halves it",
        )
    return float(text)


def _flag(given: str | None, option: str) -> bool:
    if given is None or given.lower() in ("true", "yes", "1"):
        return True
    if given.lower() in ("false", "no", "0"):
        return False
    raise UserError(f"{option}={shown(given)} is neither true nor false", remedy="write loop alone")


PARTS: dict[str, tuple[str, Callable[[str | None, str], Any]]] = {
    "start": ("start", _time),
    "trim": ("trim", _time),
    "duration": ("duration", _time),
    "gain": ("gainDb", _gain),
    "fade-in": ("fadeIn", _time),
    "fade-out": ("fadeOut", _time),
    "loop": ("loop", _flag),
}


def _bitrate(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,6})(?:k|000)", text.strip(), re.IGNORECASE)
    if found is None or not MIN_BITRATE <= int(found[1]) <= MAX_BITRATE:
        raise UserError(
            f"--audio-bitrate {shown(text)} is not a bit rate from {MIN_BITRATE}k to {MAX_BITRATE}k",
            remedy="write it like 192k",
        )
    return int(found[1])


def _loudness(text: str) -> float:
    number = re.sub(r"\s*lufs$", "", text.strip(), flags=re.IGNORECASE)
    if not _NUMBER.fullmatch(number):
        raise UserError(f"--loudness {shown(text)} is no loudness", remedy="write it like --loudness=-14")
    return float(number)
