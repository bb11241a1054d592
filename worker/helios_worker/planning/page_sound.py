"""What a page plays, as a sound plan: the pieces that its clock noted, with the files that they are of."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from pathlib import Path

from helios_worker.artifacts.blobs import BLOBS
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.capture.browser_pool import BrowserPool
from helios_worker.capture.content.composition import OpenComposition
from helios_worker.capture.messages import plain
from helios_worker.capture.page.settings import PageSettings
from helios_worker.capture.page.sounds import HeardPiece, envelope
from helios_worker.capture.playhead import instant_ms
from helios_worker.encode.audio.errors import NO_SOUND
from helios_worker.encode.audio.mix import open_sounds
from helios_worker.encode.audio.sound_plan import (
    FASTEST,
    SLOWEST,
    Envelope,
    Loop,
    Piece,
    RateCurve,
    SoundPlan,
    SoundSource,
)
from helios_worker.jobs.spec import FilmSpec
from helios_worker.planning.listening import Heard, listen, may_play

MICROSECOND = Fraction(1, 10**6)


@dataclass(frozen=True)
class PageSound:
    """plan: what is heard of a page; None for nothing. warnings: what was meant to be heard and is not.

    looked_at: whether the page reads what comes of what its AudioContexts render.
    """

    plan: SoundPlan | None
    warnings: tuple[str, ...]
    looked_at: bool


NOTHING_HEARD = PageSound(None, (), looked_at=False)


async def page_sound(
    film: FilmSpec, composition: OpenComposition, browsers: BrowserPool, settings: PageSettings, store: ArtifactStore
) -> PageSound:
    """The sound plan of a film's page, with its files in the store. settings: those that the page is rendered with.

    Raises:
        PageError: a frame of the page failed.
        UserError: an AudioContext of the page plays for too long.
    """
    if not await may_play(composition):
        return NOTHING_HEARD
    async with listen(film, composition, browsers, settings) as heard:
        warnings = [*heard.warnings]
        warnings += [f"{piece.element}: {piece.silent}, so it is not heard" for piece in heard.pieces if piece.silent]
        pieces = [piece for piece in heard.pieces if not piece.silent]
        sources, problems = await _sources(pieces, heard, composition, store, browsers.scratch)
    plan = _plan([piece for piece in pieces if piece.address in sources], sources, film)
    return PageSound(plan, tuple(dict.fromkeys([*warnings, *problems])), heard.looked_at)


def _plan(pieces: Sequence[HeardPiece], sources: Mapping[str, SoundSource], film: FilmSpec) -> SoundPlan | None:
    """The plan of some pieces: the same whenever the page plays the same, though addresses that scripts make differ."""
    fps = film.encoder.fps
    pieces = [piece for piece in pieces if _time(piece.begin, fps) < _time(piece.end, fps)]
    if not pieces:
        return None
    files = sorted({sources[piece.address] for piece in pieces}, key=lambda source: (source.sha256, source.name))
    number = {address: files.index(source) for address, source in sources.items() if source in files}
    envelopes: list[Envelope] = []
    timed = sorted(
        pieces, key=lambda p: (p.begin, p.end, number[p.address], p.position, p.rate, p.turns, p.loop, p.gains)
    )
    parts = [_piece(piece, number[piece.address], fps, envelopes) for piece in timed]
    return SoundPlan(
        fps=fps,
        first=film.first,
        end=film.end,
        sources=tuple(files),
        pieces=tuple(parts),
        envelopes=tuple(envelopes),
    )


async def _sources(
    pieces: Sequence[HeardPiece], heard: Heard, composition: OpenComposition, store: ArtifactStore, scratch: Path
) -> tuple[dict[str, SoundSource], list[str]]:
    """The file behind each address, and what is wrong with the others. scratch: folder for temporary files."""
    found: dict[str, tuple[SoundSource, Path]] = {}
    warnings: list[str] = []
    elements = {piece.address: piece.element for piece in pieces}
    for address, element in elements.items():
        file = heard.files.get(address)
        if file is not None:
            _, digest = await asyncio.to_thread(store.put_content, BLOBS, file)
        else:
            digest = composition.digest_of(address)
            file = await composition.local_copy(digest, address) if digest else None
        if file is None:
            warnings.append(f"{element}: its file is not recorded, so it is not heard; put it beside the page")
            continue
        found[address] = (SoundSource(sha256=digest, name=_name(address, element)), file)
    files = [file for _, file in found.values()]
    opened = await asyncio.to_thread(open_sounds, files, list(found), scratch)
    sources: dict[str, SoundSource] = {}
    for (address, (source, _)), problem in zip(found.items(), opened, strict=True):
        if problem is None:
            sources[address] = source
        elif problem.problem != NO_SOUND or not elements[address].startswith("<video"):
            warnings.append(f"{elements[address]} {problem.problem}, so it is not heard")
    return sources, warnings


def _name(address: str, element: str) -> str:
    """A source's name for messages."""
    if address.startswith("audio-context:"):
        return element
    if address.startswith(("data:", "blob:")):
        return f"a sound of {element.partition(' ')[0].rstrip('>')}> that a script has made"
    return plain(address.partition("#")[0])


def _piece(piece: HeardPiece, source: int, fps: Fraction, envelopes: list[Envelope]) -> Piece:
    start, end = _time(piece.begin, fps), _time(piece.end, fps)
    frame_ms = float(1000 / fps)
    points = [(_time(time, fps), gain) for time, gain in envelope(piece, frame_ms)]
    is_level = len({gain for _, gain in points}) == 1
    tick = Fraction(1, lcm(fps.numerator, MICROSECOND.denominator))
    if not is_level:
        envelopes.append(Envelope.through([(int(time / tick), gain) for time, gain in points], tick))
    rates = [(start, _rate(piece.rate)), *((_time(time, fps), _rate(rate)) for time, rate in piece.turns)]
    # Of several at one time the last one holds.
    turns = {int(time / tick): int(rate / MICROSECOND) for time, rate in rates if start < time < end}
    return Piece(
        source=source,
        start=start,
        duration=end - start,
        position=_exact(max(0.0, piece.position)),
        rate=[rate for time, rate in rates if time <= start][-1],
        rates=RateCurve(tick=tick, points=tuple(turns.items())) if turns else None,
        preservesPitch=piece.keeps_pitch,
        loop=Loop() if piece.loop else None,
        gain=points[0][1] if is_level else 1.0,
        envelope=None if is_level else len(envelopes) - 1,
    )


def _rate(rate: float) -> Fraction:
    return min(max(_exact(rate), SLOWEST), FASTEST)


def _time(milliseconds: float, fps: Fraction) -> Fraction:
    """A virtual time in seconds: that of a frame exactly, or else to a microsecond."""
    frame = round(milliseconds * fps / 1000)
    if abs(milliseconds - instant_ms(frame, fps)) < 1e-5:
        return frame / fps
    return _exact(milliseconds / 1000)


def _exact(value: float) -> Fraction:
    return Fraction(round(value / MICROSECOND)) * MICROSECOND
