"""The files of a page that failed: which of them matter to the picture.

A browser goes on without a file, and a page may make up for it. So a file that did not come, or that is no picture, is
a suspect until the end of the frame. Then the clocks are asked what its elements show (`clock/images.js`, `shown.js`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from helios_worker.capture.faults import PageError
from helios_worker.capture.messages import URL_KEPT
from helios_worker.capture.page.clock_handles import ClockHandles
from helios_worker.capture.page.console import Console
from helios_worker.errors import HeliosError, NetworkTrouble

KINDS = frozenset({"Image", "Script", "Stylesheet", "Font", "Document", "Other", "Fetch"})
"""Types of requests of which the clocks can tell whether they matter: by their elements, or by what a script makes of
the answer to its fetch()."""
UNSHOWN = frozenset({"Ping", "CSPViolationReport", "Manifest", "Prefetch", "Preflight"})
"""Types of requests whose answers are in no picture."""
MOST = 1000


class Verdict(IntEnum):
    """Whether a file that failed matters. The clocks have the same numbers (`clock/images.js`)."""

    UNKNOWN = 0
    UNUSED = 1
    HANDLED = 2
    HIDDEN = 3
    SHOWN = 4


@dataclass(frozen=True)
class Suspect:
    """A file that failed.

    kind: type of its request, or Cut for an image whose end is missing.
    is_spare: whether it may be that nothing uses it: only a <link rel=preload> or a style names it so far as is known.
    """

    address: str
    kind: str
    failure: HeliosError
    is_spare: bool = False


class Suspects:
    """The files of one page that have failed. The console has those that matter."""

    def __init__(self, console: Console, handles: ClockHandles) -> None:
        self._console = console
        self._handles = handles
        self._new: dict[tuple[str, str], Suspect] = {}
        self._hidden: dict[tuple[str, str], Suspect] = {}

    def add(self, suspect: Suspect) -> None:
        """Notes a file that failed."""
        if len(self._new) >= MOST:
            self._console.note_failure(suspect.failure)
        else:
            self._new.setdefault((file_key(suspect.address), suspect.kind), suspect)

    def forget(self) -> None:
        """The page shows another document."""
        self._new.clear()
        self._hidden.clear()

    async def check(self, *, again: bool = True) -> None:
        """Notes those that matter by now. Costs nothing where no file has failed.

        again: whether to ask once more for those that were hidden when last asked for.
        """
        suspects = {**(self._hidden if again else {}), **self._new}
        if not suspects:
            return
        files = [(address, kind, (address, kind) in self._new) for address, kind in suspects]
        self._new.clear()
        answers = await self._handles.call_all("verdicts", files, workers=True)
        # Each that matters is put before what has been noted so far: the first comes last.
        for number, (name, suspect) in reversed([*enumerate(suspects.items())]):
            self._judge(name, suspect, _most(answers, number))

    def _judge(self, name: tuple[str, str], suspect: Suspect, verdict: Verdict) -> None:
        is_known = name in self._hidden
        if verdict == Verdict.UNKNOWN and suspect.is_spare:
            verdict = Verdict.UNUSED
        # What the network failed to bring may come another time, and no page makes up for that.
        is_passing = verdict == Verdict.HANDLED and isinstance(suspect.failure, NetworkTrouble)
        if verdict in (Verdict.UNKNOWN, Verdict.SHOWN) or is_passing:
            self._hidden.pop(name, None)
            self._console.note_failure(suspect.failure, is_cause=True)
            return
        if verdict == Verdict.HIDDEN and len(self._hidden) < MOST:
            self._hidden[name] = suspect
        if is_known or suspect.address.startswith("data:"):
            return
        if suspect.kind == "Fetch" and verdict == Verdict.HANDLED:
            self._console.excuse(suspect.address, suspect.failure)
            return
        why = "the page makes up for it" if verdict == Verdict.HANDLED else "nothing in the picture needs it"
        self._console.remark(f"{suspect.failure.message}; {why}")


def undecodable(address: str, shown: str, *, is_spare: bool = False) -> Suspect:
    """An image that has come and is none. shown: its address for a message."""
    said = f"{shown} cannot be shown: it is no picture that browsers can decode, or it is damaged"
    return Suspect(address, "Image", PageError(said), is_spare)


def file_key(address: str) -> str:
    """A name for an address, as the clocks make it: without its fragment, and of a data: URL what tells it apart."""
    whole = address.partition("#")[0]
    if not whole.startswith("data:") or len(whole) <= 400:
        return whole[:URL_KEPT]
    middle = len(whole) // 2
    return f"{whole[:128]}…{whole[middle : middle + 128]}…{whole[-64:]}…{len(whole)}"


def _most(answers: Sequence[object], number: int) -> Verdict:
    """What most of the clocks' answers make of a file: its place in each answer is `number`."""
    found = Verdict.UNKNOWN
    for answer in answers:
        value = answer[number] if isinstance(answer, list) and number < len(answer) else None
        if isinstance(value, int) and Verdict.UNKNOWN <= value <= Verdict.SHOWN:
            found = max(found, Verdict(value))
    return found
