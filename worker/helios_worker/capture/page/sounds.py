"""What is heard of a page's videos and sounds, as its clock notes it (clock/sounds.js)."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Any
from urllib.parse import unquote_to_bytes

from helios_worker.capture.messages import plain
from helios_worker.capture.page.clock_handles import ClockHandles
from helios_worker.capture.page.watchdog import Watchdog


@dataclass(frozen=True)
class HeardPiece:
    """A piece of a file that is heard. Times are virtual, in milliseconds; positions are seconds of the file.

    address: of the file. element: in few words, for messages.
    position: at its begin. loop: the length after which the file begins anew; 0 where it does not.
    gains: the times at which its loudness changes, with the factor from then on; the first one is its begin.
    silent: why nothing of it can be heard; "" where it can.
    turns: the times at which its rate changes, with the rate from then on.
    """

    address: str
    element: str
    begin: float
    end: float
    position: float
    rate: float
    keeps_pitch: bool
    loop: float
    gains: tuple[tuple[float, float], ...]
    silent: str
    turns: tuple[tuple[float, float], ...] = ()

    @property
    def is_audible(self) -> bool:
        """Whether it has a length, and is not silent throughout."""
        return self.end > self.begin and self.rate > 0 and any(gain > 0 for _, gain in self.gains)


@dataclass(frozen=True)
class PlayedContext:
    """What an AudioContext of a page has played. rate: samples per second. samples: of each channel."""

    address: str
    rate: int
    samples: int
    channels: int


def played_contexts(answers: Iterable[Any]) -> list[PlayedContext]:
    """The contexts in what clocks answer."""
    found = [each for answer in answers if isinstance(answer, list) for each in answer]
    return [
        PlayedContext(str(each["address"]), int(each["rate"]), int(each["samples"]), int(each["channels"]))
        for each in found
    ]


def heard_pieces(answers: Iterable[Any]) -> list[HeardPiece]:
    """The pieces in what clocks answer."""
    return [_piece(each) for answer in answers if isinstance(answer, list) for each in answer]


def _piece(noted: Mapping[str, Any]) -> HeardPiece:
    values = noted["gains"]
    changes = zip(values[::2], values[1::2], strict=True)
    return HeardPiece(
        address=str(noted["address"]),
        element=plain(str(noted["element"])),
        begin=float(noted["begin"]),
        end=float(noted["end"]),
        position=float(noted["position"]),
        rate=float(noted["rate"]),
        keeps_pitch=bool(noted["keepsPitch"]),
        loop=float(noted["loop"]),
        gains=tuple((float(time), float(gain)) for time, gain in changes if isfinite(time) and isfinite(gain)),
        silent=plain(str(noted["silent"])),
    )


def bytes_of(address: Any) -> bytes:
    r"""The bytes in a data: address; b"" where it has none.

    >>> bytes_of("data:audio/wav;base64,AAEC"), bytes_of("data:,a%20b"), bytes_of("")
    (b'\x00\x01\x02', b'a b', b'')
    """
    head, comma, data = str(address).partition(",")
    if not comma or not head.lower().startswith("data:"):
        return b""
    plain_bytes = unquote_to_bytes(data)
    if not head.lower().endswith(";base64"):
        return plain_bytes
    try:
        return base64.b64decode(plain_bytes, validate=False)
    except binascii.Error:
        return b""


class PageSounds:
    """What a page plays. Only pages that were opened with PageSettings.hears note it."""

    def __init__(self, handles: ClockHandles, watchdog: Watchdog) -> None:
        self._handles = handles
        self._watchdog = watchdog

    async def heard(self, end_ms: float | None = None) -> list[HeardPiece]:
        """The pieces of videos and sounds that have ended since the last time.

        end_ms: where the film ends, in virtual time: with it, those that go on are among them and end there.
        """
        async with self._watchdog.over("reading what the page plays"):
            answers = await self._handles.call_all("heard", end_ms)
        return heard_pieces(answers)

    async def contexts(self, *, at_end: bool = False) -> list[PlayedContext] | None:
        """What AudioContexts have played that are over, without the silent ones; None once there are no more.

        at_end: the film ends here, so those that go on end, too, one in each of these calls.
        """
        async with self._watchdog.over("rendering what the page's AudioContexts play"):
            answers = await self._handles.call_all("finishAudio", at_end)
        return played_contexts(answers) if any(isinstance(answer, list) for answer in answers) else None

    async def forget(self, played: PlayedContext) -> None:
        """Has the page forget what a context has played."""
        async with self._watchdog.over("reading what an AudioContext has played"):
            await self._handles.call_all("forgetAudio", played.address)

    async def cut_after(self) -> float:
        """The seconds after which a context could not go on, though it had more to play; 0 where each could."""
        async with self._watchdog.over("reading what the page plays"):
            answers = await self._handles.call_all("audioCutAfter")
        return max((float(answer) for answer in answers if answer), default=0.0)

    async def looked_at(self) -> bool:
        """Whether the page has read what comes of what its contexts render."""
        async with self._watchdog.over("reading what the page plays"):
            answers = await self._handles.call_all("audioIsLookedAt")
        return any(answer is True for answer in answers)

    async def samples(self, played: PlayedContext, first: int, length: int) -> bytes:
        """Samples of what a context has played: 32-bit floats, channels side by side."""
        async with self._watchdog.over("reading what an AudioContext has played"):
            answers = await self._handles.call_all("audioSamples", played.address, first, length)
        return base64.b64decode(next((answer for answer in answers if answer), ""))

    async def made_file(self, address: str) -> bytes:
        """What a script has made an address (blob:) for; b"" if it is gone, or too large."""
        async with self._watchdog.over("reading a sound"):
            answers = await self._handles.call_all("madeFile", address)
        return next((data for data in map(bytes_of, answers) if data), b"")


def envelope(piece: HeardPiece, frame_ms: float) -> list[tuple[float, float]]:
    """A piece's loudness as points, in ms and as a factor, with straight lines between them.

    A script that fades a sound sets its loudness in each frame, and means the line through what it sets. A change that
    stands alone is a step, at its own time.
    """
    points = [piece.gains[0]]
    for index, ((before, level), (time, gain)) in enumerate(pairwise(piece.gains)):
        follows = time - before <= 1.5 * frame_ms and index > 0
        leads = index + 2 < len(piece.gains) and piece.gains[index + 2][0] - time <= 1.5 * frame_ms
        if not follows:
            points.append((max(points[-1][0], time - frame_ms) if leads else time, level))
        points.append((time, gain))
    return points
