"""What is heard in a film: the sounds of its page and the tracks of its request, as one sound plan."""

from collections.abc import Sequence
from fractions import Fraction

from helios_crds.request import AudioRequest
from helios_worker.encode.audio.sound_plan import Loop, Piece, SoundEncoding, SoundPlan, SoundSource
from helios_worker.errors import UserError
from helios_worker.jobs.spec import FilmSpec
from helios_worker.planning.tracks import Track

DIGITS = 10**6
"""Of the denominator of a time that came as a float, such as a script's or a request's."""


def soundtrack(
    film: FilmSpec, audio: AudioRequest, tracks: Sequence[Track], page: SoundPlan | None
) -> SoundPlan | None:
    """The sound plan of a film; None for a silent one.

    audio: how the sound is encoded. tracks: of the request, fetched. page: what its page plays; None for nothing.

    Raises:
        UserError: a track begins after the film's end, or behind its own.
    """
    if audio.codec == "none":
        return None
    sources: list[SoundSource] = list(page.sources) if page is not None else []
    pieces: list[Piece] = list(page.pieces) if page is not None else []
    for track in tracks:
        if track.source not in sources:
            sources.append(track.source)
        pieces.append(_piece(track, sources.index(track.source), film))
    if not pieces:
        return None
    return SoundPlan(
        fps=film.encoder.fps,
        first=film.first,
        end=film.end,
        sources=tuple(sources),
        pieces=tuple(pieces),
        envelopes=page.envelopes if page is not None else (),
        encoding=SoundEncoding(codec=audio.codec, bitrate=audio.bitrate, loudness=audio.loudness),
    )


def exact(seconds: float) -> Fraction:
    """A time that came as a float as the fraction that was meant."""
    return Fraction(seconds).limit_denominator(DIGITS)


def _piece(track: Track, source: int, film: FilmSpec) -> Piece:
    asked, name = track.asked, track.source.name
    length, start, trim = film.frames / film.encoder.fps, exact(asked.start), exact(asked.trim)
    if start >= length:
        raise UserError(
            f"the sound {name} starts at {_text(start)}, and the film ends at {_text(length)}",
            remedy="let it start earlier, or leave it out",
        )
    if track.length and trim >= track.length:
        raise UserError(
            f"the sound {name} is {_text(track.length)} long, and {_text(trim)} of its beginning are left out",
            remedy="leave out less",
        )
    heard = length - start
    if asked.duration is not None:
        heard = min(heard, exact(asked.duration))
    if not asked.loop and track.length:
        heard = min(heard, track.length - trim)
    return Piece(
        source=source,
        start=start,
        duration=heard,
        position=trim,
        loop=Loop(start=trim) if asked.loop else None,
        gain=10 ** (asked.gainDb / 20),
        fadeIn=exact(asked.fadeIn),
        fadeOut=exact(asked.fadeOut),
    )


def _text(seconds: Fraction) -> str:
    return f"{float(seconds):.6g} s"
