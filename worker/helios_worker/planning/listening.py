"""What a page plays: one pass over the film's frames, in a page of its own that is not captured."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.capture.content.composition import OpenComposition
from helios_worker.capture.content.site import content_type
from helios_worker.capture.page.page import Page
from helios_worker.capture.page.settings import PageSettings
from helios_worker.capture.page.sounds import HeardPiece, PlayedContext, bytes_of
from helios_worker.capture.playhead import instant_ms
from helios_worker.errors import UserError
from helios_worker.jobs.spec import FilmSpec
from helios_worker.planning.rate_changes import joined

# What is heard is taken from the page that often, so that its memory does not grow with the film.
FRAMES_AT_ONCE = 500
# The browser closes its pipe on a message of 100 MB.
SAMPLES_AT_ONCE = 4_000_000
# The browser keeps all of what an AudioContext plays (clock/audio_clocks.js).
MOST_SECONDS = 1800
# Files that can have a page play something, and parts of the words that they need for it: audio, Audio, video, VIDEO.
SPEAKING_TYPES = ("text/html", "text/javascript", "application/xhtml+xml", "image/svg+xml", "application/octet-stream")
SPEAKING_WORDS = (b"udio", b"ideo", b"UDIO", b"IDEO", b"javascript;base64")
MOST_LOOKED_THROUGH = 16 << 20
FLOAT = 3  # the number of this format in a WAV file


@dataclass(frozen=True)
class Heard:
    """What is heard of a page.

    pieces: of videos, sounds and AudioContexts, by their begin.
    files: what is not under its address on the network: sounds that scripts have made, and what AudioContexts played.
    warnings: what the clock has to say.
    looked_at: whether the page reads what comes of what its AudioContexts render.
    """

    pieces: list[HeardPiece]
    files: dict[str, Path]
    warnings: tuple[str, ...]
    looked_at: bool


@asynccontextmanager
async def listen(
    film: FilmSpec, composition: OpenComposition, browsers: BrowserPool, settings: PageSettings
) -> AsyncIterator[Heard]:
    """Everything that a film's page plays. The files are there until the end of the block.

    Raises:
        PageError: a frame of the page failed.
        UserError: an AudioContext of the page plays for too long.
    """
    with TemporaryDirectory(prefix="helios-sound-", dir=browsers.scratch) as folder:
        heard, cut_after = await _heard(film, composition, browsers, settings, Path(folder))
        if 0 < cut_after < MOST_SECONDS:
            again = replace(settings, hears_long=True)
            heard, cut_after = await _heard(film, composition, browsers, again, Path(folder))
        _check(cut_after)
        yield heard


async def _heard(
    film: FilmSpec, composition: OpenComposition, browsers: BrowserPool, settings: PageSettings, folder: Path
) -> tuple[Heard, float]:
    """What a page plays, with its files in a folder, and the seconds after which an AudioContext was cut off, or 0."""
    seconds = float(film.end / film.encoder.fps)
    # What the page does wrong on the way is for the chunk to say that renders these frames.
    listening = replace(settings, hears=seconds, page_errors="warn")
    pieces: list[HeardPiece] = []
    files: dict[str, Path] = {}
    async with browsers.page(0, composition, listening) as page:
        await page.show(0)
        for end in range(1, film.end, FRAMES_AT_ONCE):
            await _pass(page, range(end, min(end + FRAMES_AT_ONCE, film.end)), drawn=film.drawn)
            ended = await page.sounds.heard()
            await _made_files(page, ended, files, folder)
            await _played(page, files, folder)
            pieces += ended
        pieces += await page.sounds.heard(instant_ms(film.end, film.encoder.fps))
        pieces.sort(key=lambda piece: (piece.begin, piece.end, piece.address))
        pieces = [piece for piece in joined(pieces) if piece.is_audible]
        await _made_files(page, pieces, files, folder)
        await _played(page, files, folder, at_end=True)
        cut_after = await page.sounds.cut_after()
        looked_at = await page.sounds.looked_at()
        warnings = tuple(sorted(page.console.warnings))
    silent = {piece.address for piece in pieces if piece.address.startswith("audio-context:") and not piece.silent}
    silent -= set(files)
    return Heard([piece for piece in pieces if piece.address not in silent], files, warnings, looked_at), cut_after


async def may_play(composition: OpenComposition) -> bool:
    """Whether a page may play anything. One none of whose files speaks of sound or video cannot, and needs no pass.

    Of a page that takes anything from the network, nobody knows all files.
    """
    if not composition.files or composition.recorder is None or not composition.recorder.passive:
        return True
    size = 0
    for path, digest in composition.files.items():
        if not content_type(path).startswith(SPEAKING_TYPES):
            continue
        file = await composition.local_copy(digest, path)
        size += file.stat().st_size
        if size > MOST_LOOKED_THROUGH or await asyncio.to_thread(_speaks, file):
            return True
    return False


def _speaks(file: Path) -> bool:
    text = file.read_bytes()
    return any(word in text for word in SPEAKING_WORDS)


async def _pass(page: Page, frames: range, *, drawn: bool) -> None:
    """Moves a page over frames. drawn: for a page that depends on what was drawn."""
    if not drawn:
        await page.pass_over(frames.stop)
        return
    for frame in frames:
        await page.draw()
        await page.show(frame)


async def _made_files(page: Page, pieces: list[HeardPiece], files: dict[str, Path], folder: Path) -> None:
    """Adds the sounds of pieces whose addresses scripts have made."""
    heard = (piece for piece in pieces if piece.is_audible and not piece.silent)
    made = dict.fromkeys(piece.address for piece in heard if piece.address.startswith(("blob:", "data:")))
    for address in made.keys() - files.keys():
        is_data = address.startswith("data:")
        data = bytes_of(address) if is_data else await page.sounds.made_file(address)
        if data or is_data:
            files[address] = folder / f"{len(files)}.sound"
            await asyncio.to_thread(files[address].write_bytes, data)


async def _played(page: Page, files: dict[str, Path], folder: Path, *, at_end: bool = False) -> None:
    """Adds what AudioContexts have played that are over, as WAV files. at_end: of the film, so that all of them are."""
    while (contexts := await page.sounds.contexts(at_end=at_end)) is not None:
        for played in contexts:
            file = files[played.address] = folder / f"{len(files)}.wav"
            with file.open("wb") as output:
                output.write(_wav_header(played))
                for first in range(0, played.samples, SAMPLES_AT_ONCE):
                    count = min(SAMPLES_AT_ONCE, played.samples - first)
                    output.write(await page.sounds.samples(played, first, count))
            await page.sounds.forget(played)


def _check(cut_after: float) -> None:
    """Refuses a page one of whose AudioContexts could not go on after so many seconds, 0 for none.

    Raises:
        UserError: it had more to play.
    """
    if cut_after >= MOST_SECONDS:
        raise UserError(
            f"an AudioContext of the page plays for longer than the {MOST_SECONDS // 60} minutes that one can be heard",
            remedy="close it before that and make another, play files with <audio>, or render without sound",
        )
    if cut_after:
        raise UserError(
            "the page has many AudioContexts at once, and one of the later ones plays for longer than the "
            f"{cut_after:.0f} s that it can be heard",
            remedy="close those that have played, or play all sounds through one",
        )


def _wav_header(played: PlayedContext) -> bytes:
    """The head of a WAV file of 32-bit floats."""
    width = 4 * played.channels
    data = played.samples * width
    form = struct.pack("<HHIIHH", FLOAT, played.channels, played.rate, played.rate * width, width, 32)
    return (
        struct.pack("<4sI4s4sI", b"RIFF", 36 + data, b"WAVE", b"fmt ", len(form))
        + form
        + struct.pack("<4sI", b"data", data)
    )
